#include "harness/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <climits>

#include "harness/error.h"

namespace forkcost {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's largest window, with gzip's header
constexpr int kMemoryLevel = 8;       // zlib's default: 256 KiB
constexpr size_t kChunk = size_t{1} << 16;

[[noreturn]] void fail(const char* what, int status, const z_stream& stream) {
  throw Failure(fmt::format("{}: {}", what, stream.msg != nullptr ? stream.msg : zError(status)));
}

// zlib counts in 32 bits: a longer text is fed in parts.
void feed(z_stream& stream, std::string_view& text) {
  if (stream.avail_in > 0 || text.empty()) return;
  const size_t part = std::min<size_t>(text.size(), UINT_MAX);
  // zlib does not write to its input; its type is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(part);
  text.remove_prefix(part);
}

// Calls `step` until the stream ends; what came out.
template <typename Step>
std::string run(z_stream& stream, std::string_view text, const char* what, Step step) {
  std::string out;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    feed(stream, text);
    const size_t before = out.size();
    out.resize(before + kChunk);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = kChunk;
    status = step(text.empty());
    out.resize(before + kChunk - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END) fail(what, status, stream);
  }
  return out;
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

std::string compress(std::string_view text) {
  z_stream stream{};
  const int status = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow,
                                  kMemoryLevel, Z_DEFAULT_STRATEGY);
  if (status != Z_OK) fail("compressing", status, stream);
  const struct End {
    z_stream& stream;
    ~End() { deflateEnd(&stream); }
  } end{stream};
  return run(stream, text, "compressing",
             [&](bool last) { return deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH); });
}

std::string decompress(std::string_view bytes) {
  z_stream stream{};
  const int status = inflateInit2(&stream, kGzipWindow);
  if (status != Z_OK) fail("decompressing", status, stream);
  const struct End {
    z_stream& stream;
    ~End() { inflateEnd(&stream); }
  } end{stream};
  // At the end of the input, without the stream's end, zlib can do nothing more: Z_BUF_ERROR.
  return run(stream, bytes, "decompressing", [&](bool) { return inflate(&stream, Z_NO_FLUSH); });
}

}  // namespace forkcost
