#include "harness/result_document.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/gzip.h"
#include "harness/quantities.h"
#include "harness/result_file.h"
#include "harness/tests/values.h"

namespace forkcost {
namespace {

Json check(const std::string& name, const std::string& observed) {
  return {{"check", name}, {"expected", "any"}, {"observed", observed}, {"ok", true}};
}

Json make_entry(int round, const Json& verification) {
  return {{"quantities", {{"blocked_ns", {{"unit", "ns"}, {"min", 7}, {"n", 3}}}}},
          {"verification", verification},
          {"primary", "blocked_ns"},
          {"outcome", {{"status", "ok"}}},
          {"repetition_index", round},
          {"name", "test/path:fork/heap:8MiB"},
          {"benchmark", "test"},
          {"heap_bytes", 8 << 20},
          {"axes", {{"path", "fork"}, {"heap", "8MiB"}}}};
}

Json build(const std::vector<Json>& entries) {
  const Json axes = Json::parse(R"({"path": {"default": null}, "heap": {"default": null},
                                    "other": {"default": "0"}})");
  const Json quantities = describe_quantities();
  const Json yardsticks = Json::parse(R"({"walk_ns": {"unit": "ns"}, "run_ns": {"unit": "ns"}})");
  DocumentBuilder builder(axes, quantities, yardsticks);
  for (const Json& entry : entries) builder.add(entry);
  return builder.finish({{"host_name", "x"}, {"forkcost", {{"schema", kSchema}}}});
}

const Json& tables_of(const Json& document) {
  return document.at("context").at("forkcost");
}

TEST(Document, SaysOnceWhatIsTheSameInAllRounds) {
  const Json checks = {check("VmPTE", "40"), check("arena", "8MiB")};
  const Json document = build({make_entry(0, checks), make_entry(1, checks)});
  const Json row = {{"benchmark", "test"},
                    {"heap_bytes", 8 << 20},
                    {"primary", "blocked_ns"},
                    {"verification", checks}};
  EXPECT_EQ(tables_of(document).at("cases"), Json({{"test/path:fork/heap:8MiB", row}}));
  for (const Json& entry : document.at("benchmarks")) {
    EXPECT_EQ(entry.begin().key(), "name") << "what a reader of lines looks for comes first";
    for (const char* key : {"benchmark", "heap_bytes", "primary", "verification", "outcome"}) {
      EXPECT_FALSE(entry.contains(key)) << key;
    }
    EXPECT_EQ(entry.at("axes").size(), 2u);
  }
}

TEST(Document, HasRowsForWhatOccursInIt) {
  const Json document = build({make_entry(0, Json::array())});
  EXPECT_EQ(tables_of(document).at("axes").size(), 2u);
  EXPECT_EQ(tables_of(document).at("quantities").size(), 1u);
  EXPECT_EQ(tables_of(document).at("quantities").at("blocked_ns").at("estimator"), "p50");
  EXPECT_FALSE(tables_of(document).contains("yardsticks"));
}

TEST(Document, HasRowsForTheYardsticksThatAnyRoundHas) {
  Json entry = make_entry(1, Json::array());
  entry["yardsticks"] = {{"walk_ns", {{"unit", "ns"}}}};
  const Json document = build({make_entry(0, Json::array()), entry});
  EXPECT_EQ(tables_of(document).at("yardsticks"), Json({{"walk_ns", {{"unit", "ns"}}}}));
  EXPECT_EQ(document["benchmarks"][1]["yardsticks"], entry["yardsticks"]);
}

TEST(Document, AnEntryHasTheChecksThatDifferAndGivesAllOfThemBack) {
  const Json first = {check("VmPTE", "40"), check("arena", "8MiB"), check("program", "a"),
                      check("program", "b")};
  const Json second = {check("VmPTE", "44"), check("arena", "8MiB"), check("program", "a"),
                       check("program", "c")};
  const Json document = build({make_entry(0, first), make_entry(1, second)});
  const Json& own = document["benchmarks"][1]["verification"];
  EXPECT_EQ(own, Json({check("VmPTE", "44"), check("program", "a"), check("program", "c")}));
  EXPECT_EQ(self_contained(document, document["benchmarks"][0])["verification"], first);
  EXPECT_EQ(self_contained(document, document["benchmarks"][1])["verification"], second);
}

TEST(Document, WhatFailedHasAllOfItsChecks) {
  Json failed = make_entry(0, Json::array({check("VmPTE", "40")}));
  failed["outcome"] = {{"status", "failed"}, {"reason", "because"}};
  failed.erase("quantities");
  const Json document = build({failed, make_entry(1, Json::array({check("VmPTE", "44")}))});
  const Json all = Json::array({check("VmPTE", "40")});
  EXPECT_EQ(document["unmeasured"][0]["verification"], all);
  EXPECT_EQ(document["benchmarks"][0].value("verification", Json()), Json());
  EXPECT_EQ(self_contained(document, document["unmeasured"][0])["verification"], all);
}

TEST(Document, KeepsTheOutcomeThatSaysMoreThanOk) {
  Json again = make_entry(0, Json::array());
  again["outcome"]["attempts"] = 2;
  EXPECT_EQ(build({again})["benchmarks"][0]["outcome"]["attempts"], 2);
}

TEST(Document, AQuantityComesWithTheStepOfItsTable) {
  const Json document = build({make_entry(0, Json::array())});
  const Json entry = self_contained(document, document["benchmarks"][0]);
  EXPECT_EQ(entry["quantities"]["blocked_ns"]["step"],
            tables_of(document)["quantities"]["blocked_ns"]["step"]);
  EXPECT_EQ(build({entry}), document) << "and goes back into it";
}

TEST(Values, AreReadInAllForms) {
  const auto read = [](const char* quantity, const char* row) {
    return values_of(Json::parse(quantity), Json::parse(row));
  };
  EXPECT_EQ(read(R"({"min": 100, "samples": [2, 0]})", R"({"step": 10})"),
            (std::vector<Weighted>{{120, 1}, {100, 1}}));
  EXPECT_EQ(read(R"({"min": 1.5, "samples": [2.5, 1.5]})", "{}"),
            (std::vector<Weighted>{{2.5, 1}, {1.5, 1}}));
  EXPECT_EQ(read(R"({"min": 7, "n": 3})", R"({"step": 10})"), (std::vector<Weighted>{{7, 3}}));
  EXPECT_EQ(read(R"({"min": 5, "histogram": [[5, 2, 0, 1]]})", "{}"),
            (std::vector<Weighted>{{5, 2}, {7, 1}}));
}

TEST(Format, IsOneLineForEachEntryAndRow) {
  const Json document = build({make_entry(0, Json::array()), make_entry(1, Json::array())});
  const std::string text = format_document(document);
  EXPECT_EQ(Json::parse(text), document);
  EXPECT_NE(text.find("\n{\"name\":\"test/path:fork/heap:8MiB\","), std::string::npos) << text;
  EXPECT_NE(text.find("\n\"blocked_ns\":{\"unit\":\"ns\","), std::string::npos) << text;
  const Json empty = build({});
  EXPECT_EQ(Json::parse(format_document(empty)), empty);
}

TEST(Numbers, AreAsShortAsTheyReadBack) {
  EXPECT_EQ(to_text(short_number(3395796.0)), "3395796");
  EXPECT_EQ(to_text(short_number(10.014881, 2)), "10.01");
  EXPECT_EQ(to_text(short_number(811.6033191, 3)), "811.603");
}

class DocumentFile : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "document-" + std::to_string(getpid());
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ + "/" + name; }
  // The error of reading `bytes`.
  std::string error_of(const std::string& bytes) const {
    std::ofstream(path("x"), std::ios::binary) << bytes;
    try {
      read_document(path("x"));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }

  std::string directory_;
};

TEST_F(DocumentFile, IsCompressedWhereItsNameSaysSoAndReadWhateverItsName) {
  const Json document = build({make_entry(0, Json::array())});
  write_document(path("a.json"), document);
  write_document(path("a.json.gz"), document);
  EXPECT_EQ(read_text_file(path("a.json")), format_document(document));
  EXPECT_TRUE(is_gzip(read_text_file(path("a.json.gz")).value()));
  std::filesystem::rename(path("a.json.gz"), path("b.json"));
  EXPECT_EQ(read_document(path("a.json")), document);
  EXPECT_EQ(read_document(path("b.json")), document);
}

TEST_F(DocumentFile, WhatIsNoResultFileIsRefused) {
  EXPECT_NE(error_of("").find("not a result file"), std::string::npos);
  EXPECT_NE(error_of("{\"benchmarks\": []}").find("not a result file"), std::string::npos);
  EXPECT_THROW(read_document(path("missing")), UsageError);
}

TEST_F(DocumentFile, AnOlderSchemaIsReadAndALaterOneIsNamed) {
  const std::string old =
      R"({"context": {"forkcost": {"schema": 1}}, "benchmarks": [], "unmeasured": []})";
  EXPECT_EQ(error_of(old), "");
  const std::string later = R"({"context": {"forkcost": {"schema": 3}}, "benchmarks": []})";
  EXPECT_NE(error_of(later).find("newer version"), std::string::npos) << error_of(later);
}

TEST_F(DocumentFile, ACompressedOneThatIsCutOffIsRefused) {
  const std::string whole = compress(format_document(build({make_entry(0, Json::array())})));
  for (const size_t bytes : {size_t{5}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_NE(error_of(whole.substr(0, bytes)).find("decompressing"), std::string::npos) << bytes;
  }
}

TEST(Gzip, GivesTheTextBack) {
  std::string large;
  for (int i = 0; i < 100'000; ++i) large += std::to_string(i * 7919 % 10'007);
  for (const std::string& text : {std::string(), std::string("x"), large}) {
    EXPECT_EQ(decompress(compress(text)), text);
  }
  EXPECT_LT(compress(large).size(), large.size());
}

// As gzip(1) and Python read it, and some tools write it.
TEST(Gzip, SeveralPiecesAreOneTextAndOtherBytesBehindThemAreDamage) {
  const std::string pieces = compress("one, ") + compress("") + compress("two");
  EXPECT_EQ(decompress(pieces), "one, two");
  EXPECT_EQ(decompress(pieces + std::string(512, '\0')), "one, two");
  EXPECT_THROW(decompress(pieces + "x"), Failure);
  EXPECT_THROW(decompress(pieces.substr(0, pieces.size() - 1)), Failure);
}

}  // namespace
}  // namespace forkcost
