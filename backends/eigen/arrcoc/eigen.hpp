#pragma once
// The Eigen backend: #include this and make an EigenBackend.
#include "arrcoc/eigen/backend.hpp"
