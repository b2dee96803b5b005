#include "harness/runner/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "harness/error.h"
#include "harness/files.h"
#include "harness/new_file.h"

namespace forkcost::runner {
namespace {

using std::chrono::steady_clock;

constexpr steady_clock::duration kMostUnsynced = std::chrono::seconds(1);
constexpr const char* kBeginAnew = "start over with --force instead of --resume";

bool same_case(const Record& a, const Record& b) {
  return a.round == b.round && a.entry.at("name") == b.entry.at("name");
}

// A half that an interruption cut off from its other was measured again, as a pair.
void add_record(std::vector<Record>& records, Record record) {
  if (!records.empty() && records.back().side == record.side && same_case(records.back(), record)) {
    records.pop_back();
  }
  records.push_back(std::move(record));
}

void drop_half_a_pair(std::vector<Record>& records) {
  if (records.empty()) return;
  const bool whole = records.size() > 1 && same_case(records[records.size() - 2], records.back());
  if (!whole) records.pop_back();
}

void write_line(int fd, const std::string& path, const Json& line) {
  check_write(fd, to_text(line) + '\n', "writing the journal " + path,
              "free some space there, then resume with --resume");
}

void sync(int fd, const std::string& path) {
  check(fdatasync(fd), "syncing the journal " + path);
}

// Blocks that the disk did not get read as zeros.
bool was_not_written(std::string_view line) {
  return line.find('\0') != std::string_view::npos;
}

}  // namespace

JournalContents parse_journal(std::string_view text) {
  JournalContents contents;
  bool has_plan = false;
  int number = 0;
  while (true) {
    const size_t end = text.find('\n', contents.good_bytes);
    if (end == std::string_view::npos) break;  // nothing more, or a line torn by a crash
    const std::string_view line = text.substr(contents.good_bytes, end - contents.good_bytes);
    ++number;
    try {
      const Json json = Json::parse(line);
      if (!has_plan) {
        contents.plan = parse_plan(json.at("plan"));
        has_plan = true;
      } else if (json.contains("finished")) {
        contents.finished = true;
      } else {
        const size_t side = parse_side(json);
        add_record(contents.records, {json.at("round").get<int>(), json.value("seconds", 0.0),
                                      json.at("entry"), side});
        Json& context = contents.contexts[side];
        if (context.is_null() && json.contains("context")) context = json["context"];
      }
    } catch (const Json::exception& error) {
      if (has_plan && (end + 1 == text.size() || was_not_written(line))) break;
      throw UsageError(fmt::format("line {} of the journal is damaged ({}); {}", number,
                                   error.what(), kBeginAnew));
    }
    contents.good_bytes = end + 1;
  }
  if (!has_plan) {
    throw UsageError(fmt::format("the journal has no plan in its first line; {}", kBeginAnew));
  }
  if (!contents.plan.sides.empty()) drop_half_a_pair(contents.records);
  return contents;
}

Journal::Journal(std::string path, FileDescriptor fd)
    : path_(std::move(path)), fd_(std::move(fd)) {}

// It appears with its plan: one without could neither be gone on with nor be passed over.
Journal Journal::create(const std::string& path, const Plan& plan) {
  NewFile file(path);
  if (file.error() != 0) throw_errno("creating the journal " + path, file.error());
  write_line(file.fd(), path, {{"plan", to_json(plan)}});
  sync(file.fd(), path);
  if (!file.link()) {
    throw UsageError(
        fmt::format("journal {} of an interrupted run exists; resume it with --resume, or "
                    "overwrite it with --force",
                    path));
  }
  sync_directory(directory_of(path));
  Journal journal(path, file.take());
  journal.contents_.plan = plan;
  return journal;
}

Journal Journal::open_existing(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    throw UsageError(fmt::format("no journal {}, so nothing to resume; drop --resume", path));
  }
  if (!fd) throw_errno("opening the journal " + path, errno);
  // Two runs that append to one journal would both be lost.
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw UsageError(
        describe_errno("locking the journal " + path, errno,
                       "another forkcost-run is writing it; wait, or use another --out"));
  }
  Journal journal(path, std::move(fd));
  const auto text = read_text_file(path);
  if (!text) throw Failure("the journal " + path + " cannot be read; is it yours?");
  journal.contents_ = parse_journal(*text);
  // What is appended after half a line would be lost with it.
  check(ftruncate(journal.fd_.get(), static_cast<off_t>(journal.contents_.good_bytes)),
        "shortening the journal " + path);
  return journal;
}

void Journal::append(const Record& record, const Json& context) {
  Json line = {{"round", record.round}, {"seconds", record.seconds}};
  if (!contents_.plan.sides.empty()) line["side"] = side_name(record.side);
  if (Json& kept = contents_.contexts[record.side]; kept.is_null() && !context.is_null()) {
    kept = context;
    line["context"] = context;
  }
  line["entry"] = record.entry;
  write_line(fd_.get(), path_, line);
  if (const auto now = steady_clock::now(); now - synced_ >= kMostUnsynced) {
    sync(fd_.get(), path_);
    synced_ = now;
  }
  contents_.records.push_back(record);
}

void Journal::finish() {
  if (!contents_.finished) write_line(fd_.get(), path_, {{"finished", true}});
  sync(fd_.get(), path_);
  contents_.finished = true;
}

void Journal::remove() {
  check(unlink(path_.c_str()), "removing the journal " + path_);
}

}  // namespace forkcost::runner
