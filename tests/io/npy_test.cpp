#include <doctest/doctest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;

namespace {
std::string npy(std::string header, std::string data) {
  header.resize(86, ' ');
  std::string s("\x93NUMPY\x01\0", 8);
  s += static_cast<char>(header.size());
  s += '\0';
  return s + header + data;
}
}  // namespace

TEST_CASE("npy: what is written is read back, with its dtype and shape") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "a.npy";
  io::write_npy(file, host_tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}));
  CHECK(io::read_file(file).size() == 128 + 24);
  const HostTensor back = io::read_npy(file);
  CHECK(back.shape == std::vector<Index>{2, 3});
  CHECK(to_floats(back) == std::vector<float>{1, 2, 3, 4, 5, 6});
  io::write_npy(file, host_tensor(std::vector<std::int64_t>{7, -8}, {2}));
  CHECK(io::read_npy(file).dtype == DType::i64);
}

TEST_CASE("npy: lying files are refused") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "b.npy";
  const auto check = [&](const std::string& bytes, const char* why) {
    io::write_file(file, bytes);
    CHECK_THROWS_WITH_AS(io::read_npy(file), doctest::Contains(why), Error);
  };
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "12345678"), "shape");
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "123456789"), "fill");
  check(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", "12345678"), "dtype");
  check("\x93NUMPY\x03", "magic");
  check("", "magic");
  check("\x93NUMPY\x01", "magic");
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "12345678"), "fill");
  check(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", "12345678"), "C order");
  check(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "12345678"), "dtype");
  check(npy("{'descr':'<f4','fortran_order':False,'shape':(9999999999999999,)}", "1234"), "absurd");
  check(npy("{'descr':'<f4','fortran_order':False,'shape':(999999999,999999999)}", ""), "shape");
  CHECK_THROWS_AS(io::read_npy(folder.path / "missing.npy"), Error);
}

TEST_CASE("npy: halves and doubles become floats, scalars and format 2 are read") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "c.npy";
  const auto read = [&](const std::string& bytes) {
    io::write_file(file, bytes);
    return io::read_npy(file);
  };
  const HostTensor half =
      read(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1), }", std::string("\x00\x3c\x00\xc1", 4)));
  CHECK(half.dtype == DType::f32);
  CHECK(half.shape == std::vector<Index>{2, 1});
  CHECK(to_floats(half) == std::vector<float>{1.0f, -2.5f});
  const double values[] = {0.1, -3e7};
  CHECK(to_floats(read(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
                           std::string(reinterpret_cast<const char*>(values), 16)))) ==
        std::vector<float>{0.1f, -3e7f});
  CHECK(read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "A")).count() == 1);
  CHECK(read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 4), }", "")).shape == std::vector<Index>{0, 4});
  std::string two = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", std::string("\x05\0\0\0", 4));
  two[6] = 2;
  two.insert(10, 2, '\0');  // the header's length takes four bytes
  CHECK(read(two).dtype == DType::i32);
}

TEST_CASE("files appear whole or not at all") {
  const test::TemporaryFolder folder;
  io::write_file(folder.path / "f", "old");
  CHECK_THROWS_WITH_AS(io::write_file(folder.path / "f" / "g", "new"), doctest::Contains("cannot write"), Error);
  CHECK(io::read_file(folder.path / "f") == "old");
  CHECK_THROWS_AS(io::write_file(folder.path, "a folder"), Error);
  CHECK_THROWS_AS(io::read_file(folder.path), Error);
  io::write_file("/dev/null", "through");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  std::filesystem::create_symlink("f", folder.path / "link");
  io::write_file(folder.path / "link", "through the link");
  CHECK(std::filesystem::is_symlink(folder.path / "link"));
  CHECK(io::read_file(folder.path / "f") == "through the link");
  // A disk that fills up half way: nothing is left behind, the old content stays.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK_THROWS_WITH_AS(io::write_file(folder.path / "f", std::string(100000, 'x')), doctest::Contains("E106"), Error);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(io::read_file(folder.path / "f") == "through the link");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 2);
  CHECK_THROWS_WITH_AS(io::write_file("/dev/full", "x"), doctest::Contains("E106"), Error);
}
