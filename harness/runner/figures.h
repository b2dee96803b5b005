// The figures of a result file (results/FORMAT.md), as the answer selects and reduces them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/answer_rows.h"
#include "harness/json.h"

namespace forkcost::runner {

// One case with its rounds.
struct MeasuredCase {
  std::string name;
  std::string benchmark;
  Axes axes;
  std::vector<const Json*> rounds;  // entries of `benchmarks`

  bool has(const std::string& quantity) const;
  std::string unit(const std::string& quantity) const;
  // The median over the rounds of what each says of its samples: "p50", "p90", "min".
  std::optional<double> over_rounds(const std::string& quantity, const char* statistic) const;
  std::optional<double> median(const std::string& quantity) const {
    return over_rounds(quantity, "p50");
  }
};

// The document must outlive it.
class Figures {
 public:
  explicit Figures(const Json& document);

  // Where the file begins to say what the run was: `context.forkcost`.
  const Json& about() const { return about_; }
  const std::vector<MeasuredCase>& cases() const { return cases_; }  // in the file's order
  const Json& unmeasured() const { return document_.at("unmeasured"); }

  // Of what is the same in all rounds of a case, `key`: it stands in the table `cases` of the
  // context, or in each entry. Null where it stands nowhere.
  const Json& of_case(const MeasuredCase& which, const char* key) const;
  std::string primary(const MeasuredCase& which, const char* key = "primary") const;

  // Those whose axes are the figure's; `free`: an axis that may be anything. An axis that is not
  // named must have its default, where the file says what that is.
  std::vector<const MeasuredCase*> select(const AnswerFigure& figure,
                                          const std::string& free = "") const;

 private:
  bool matches(const MeasuredCase& which, const AnswerFigure& figure,
               const std::string& free) const;

  const Json& document_;
  const Json& about_;
  std::vector<MeasuredCase> cases_;
  Axes defaults_;
};

// A figure with what its row and its section say of it.
AnswerFigure complete(const AnswerFigure& figure, const AnswerRow& row,
                      const AnswerSection& section);

// Sets each axis of the figures that is kLargest to the largest value for which the run has a case
// of any of them. Where it has none nothing is set, and nothing will be found.
void set_largest(const Figures& run, const std::vector<AnswerFigure*>& figures);

// A figure as it is read.
struct Reduced {
  std::string text;  // "3.40 ms", "0.12×", "at 72 MiB", "beyond 1 GiB"
  std::optional<double> value;
  std::string unit;  // none for what cannot be set against that of another run
};
std::optional<Reduced> reduce(const Figures& run, const AnswerFigure& figure);

// "256MiB" -> 268435456, "16" -> 16; none for what is no number.
std::optional<double> number_of(const std::string& axis_value);

}  // namespace forkcost::runner
