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

// Calls `step` until the stream ends, and appends what comes out. What it left of the text is
// `stream`'s and `text`.
template <typename Step>
void run(z_stream& stream, std::string_view& text, const char* what, std::string& out, Step step) {
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
}

// What is not read yet of the last part, and all others.
bool is_padding(const z_stream& stream, std::string_view text) {
  const std::string_view part(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
  return part.find_first_not_of('\0') == std::string_view::npos &&
         text.find_first_not_of('\0') == std::string_view::npos;
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
  std::string out;
  run(stream, text, "compressing", out,
      [&](bool last) { return deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH); });
  return out;
}

std::string decompress(std::string_view bytes) {
  z_stream stream{};
  const int status = inflateInit2(&stream, kGzipWindow);
  if (status != Z_OK) fail("decompressing", status, stream);
  const struct End {
    z_stream& stream;
    ~End() { inflateEnd(&stream); }
  } end{stream};
  // Several compressed files in a row are one (gzip(1)); some tools write a file in such pieces, or
  // pad it with zeros. Whatever else follows is read as the next piece, and is none.
  std::string out;
  do {
    if (inflateReset(&stream) != Z_OK) fail("decompressing", Z_STREAM_ERROR, stream);
    // At the end of the input, without the stream's end, zlib can do nothing more: Z_BUF_ERROR.
    run(stream, bytes, "decompressing", out, [&](bool) { return inflate(&stream, Z_NO_FLUSH); });
  } while (!is_padding(stream, bytes));
  return out;
}

}  // namespace forkcost
