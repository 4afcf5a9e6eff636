// Two sources with everything in them, linked together: a function that is not inline would be defined twice.
#include "arrcoc/arrcoc.hpp"

arrcoc::Index second_source_kept(arrcoc::Index n);

int main() {
  const arrcoc::Budget quarter;
  return quarter.resolve(64).kept == 16 && second_source_kept(64) == 16 ? 0 : 1;
}
