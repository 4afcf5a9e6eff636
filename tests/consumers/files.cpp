// A user's program: a picture that is not there ends in a code and a sentence.
#include <cstdio>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/image_file.hpp"

int main() {
  try {
    (void)arrcoc::io::read_image("absent.png");
  } catch (const arrcoc::Error& e) { std::printf("E%d\n", static_cast<int>(e.code())); }
}
