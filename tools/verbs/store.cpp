// arrcoc store: the table through which workers of a sweep share their units.
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "arrcoc/core/error.hpp"
#include "verbs.hpp"

#ifdef ARRCOC_HAVE_TORCH
#include "arrcoc/torch_store.hpp"
#endif

namespace arrcoc::tools {
namespace {

int run_store(Index port) {
#ifdef ARRCOC_HAVE_TORCH
  require_that(port >= 0 && port <= 65535, Code::bad_usage, "store",
               [&] { return "--port: expected 0 (any that is free) to 65535, got " + std::to_string(port); });
  sigset_t ends;  // before the store's threads, which inherit it
  sigemptyset(&ends);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, s);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const TorchStoreServer server(static_cast<std::uint16_t>(port));
  std::printf("%d\n", static_cast<int>(server.port()));
  std::fflush(stdout);
  int got = 0;
  sigwait(&ends, &got);
  return got == SIGTERM ? 0 : 128 + got;
#else
  (void)port;
  fail(Code::backend_missing, "store",
       "'torch' is not built into this program, whose c10d is the store; configure with -Dtorch=enabled");
#endif
}

}  // namespace

void add_store(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("store", "hands units of a sweep out to workers (`sweep --store`), until it is ended");
  auto port = std::make_shared<Index>(29400);
  verb->add_option("--port", *port, "0: any that is free; the port is printed");
  verb->callback([port, &command] { command.run = [port] { return run_store(*port); }; });
}

}  // namespace arrcoc::tools
