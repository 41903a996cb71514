#include "athena.hpp"
