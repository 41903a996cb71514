#include "cmssw.hpp"
