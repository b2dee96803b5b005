// How scratch directories are named, and the removal of those that outlived their processes.
#pragma once

#include <filesystem>
#include <string>

namespace forkcost {

// $TMPDIR, else /var/tmp, which unlike /tmp lies on a disk; without symbolic links, as processes
// see their files by the real path, and not relative. Throws Skip where there is none.
std::filesystem::path scratch_place();

// forkcost-PID-START-RANDOM in hexadecimal: this process, when it started in the kernel's ticks,
// and a number. Always of one length: paths are part of what an exec costs.
std::string scratch_name();

// Removes the scratch directories in `place` that a power cut left, or a kill of their process and
// its caretaker at once. Only directories with such a name, of this user, whose process does not
// run, and that nobody holds locked: their caretaker does (flock), perhaps in another container
// that shares `place` and has its own process numbers. What cannot be removed stays.
void remove_dead_scratch(const std::filesystem::path& place) noexcept;
// The same where scratch directories are made now, if there is such a place.
void remove_dead_scratch() noexcept;

}  // namespace forkcost
