// The conformance suite on xtensor, and the laws of attention that a readable kernel can be checked for by eye.
#include "arrcoc/xtensor.hpp"

#include "conformance/conformance.hpp"

using namespace arrcoc;

ARRCOC_CONFORMANCE(XtensorBackend)
