// What watches the operation of a case in a pass of its own: counters, or a profile. Never while
// times are taken (measurement.h).
#pragma once

namespace forkcost {

class Probe {
 public:
  virtual ~Probe() = default;
  // Around an operation of the current sample, as close to it as can be.
  virtual void begin() = 0;
  virtual void end() = 0;
  // The sample is over. Not kept: warm-up, or a child on the wrong CPU.
  virtual void sample_ended(bool kept) = 0;
};

}  // namespace forkcost
