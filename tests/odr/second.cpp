#include "arrcoc/arrcoc.hpp"

arrcoc::Index second_source_kept(arrcoc::Index n);
arrcoc::Index second_source_kept(arrcoc::Index n) { return arrcoc::Budget{}.resolve(n).kept; }
