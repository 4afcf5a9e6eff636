// The conformance suite on xtensor.
#include "arrcoc/xtensor.hpp"

#include "conformance/conformance.hpp"

using namespace arrcoc;

ARRCOC_CONFORMANCE(XtensorBackend)
