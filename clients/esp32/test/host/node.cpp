// A whole node on the host: the core against a real server, with a connection that breaks and power that fails.
//
//   node HOST PORT DEVICE_ID FLASH_FILE SEED READINGS POWER_BYTES UNIX_BASE_US
//
// One boot. Says `recording …` before a reading goes to flash, `recorded …` when it is there. Exit status 0: the
// server has acknowledged everything; 77: the power failed, in the middle of a write to flash; 3: something still waits.
// POWER_BYTES 0: the power holds. UNIX_BASE_US 0: the node never learns the time of day.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../src/core/heartbeat.h"
#include "../../src/core/journal.h"
#include "../../src/core/reading.h"
#include "../../src/core/uploader.h"
#include "../unit/fakes.h"

namespace {

using namespace signalcraft;

constexpr uint32_t kSectors = 64;
constexpr uint32_t kSectorSize = 4096;
constexpr int kPowerFailed = 77;
constexpr int kSomethingWaits = 3;

class FileFlash final : public Flash {
 public:
  FileFlash(const char* path, uint64_t power_bytes) : power_bytes_(power_bytes) {
    file_ = open(path, O_RDWR | O_CREAT, 0600);
    if (lseek(file_, 0, SEEK_END) != 0) return;
    for (uint32_t sector = 0; sector < kSectors; ++sector) put(sector * kSectorSize, nullptr, kSectorSize);
  }
  uint32_t size() const override { return kSectors * kSectorSize; }
  uint32_t sector_size() const override { return kSectorSize; }
  bool read(uint32_t offset, void* data, uint32_t length) override {
    return pread(file_, data, length, offset) == static_cast<ssize_t>(length);
  }
  bool write(uint32_t offset, const void* data, uint32_t length) override {
    uint8_t now[kSectorSize];
    if (!read(offset, now, length)) return false;
    for (uint32_t i = 0; i < length; ++i) now[i] &= static_cast<const uint8_t*>(data)[i];
    return spend(offset, now, length);
  }
  bool erase(uint32_t offset) override { return spend(offset, nullptr, kSectorSize); }

 private:
  // All of it, or as far as the power goes.
  bool spend(uint32_t offset, const uint8_t* data, uint32_t length) {
    if (power_bytes_ != 0 && length >= power_bytes_) {
      put(offset, data, static_cast<uint32_t>(power_bytes_));
      _exit(kPowerFailed);
    }
    if (power_bytes_ != 0) power_bytes_ -= length;
    return put(offset, data, length);
  }
  bool put(uint32_t offset, const uint8_t* data, uint32_t length) {
    uint8_t blank[kSectorSize];
    std::memset(blank, 0xFF, sizeof blank);
    return pwrite(file_, data == nullptr ? blank : data, length, offset) == static_cast<ssize_t>(length);
  }
  int file_;
  uint64_t power_bytes_;
};

// A connection that is refused, or breaks while the request or the answer is on its way, a third of the time.
class BadConnection final : public Connection {
 public:
  explicit BadConnection(Entropy& entropy) : entropy_(entropy) {}

  bool open(const char* host, uint16_t port) override {
    if (one_in(10)) return false;
    breaks_after_ = one_in(8) ? entropy_.next() % 4000 : UINT32_MAX;
    loses_answer_ = one_in(8);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host, &address.sin_addr);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    close();
    return false;
  }
  bool write(const void* data, size_t length) override {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t sent = 0; sent < length;) {
      if (length - sent > breaks_after_) {
        send(socket_, bytes + sent, breaks_after_, MSG_NOSIGNAL);
        shutdown(socket_, SHUT_RDWR);
        return false;
      }
      const ssize_t count = send(socket_, bytes + sent, length - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<size_t>(count);
      if (breaks_after_ != UINT32_MAX) breaks_after_ -= static_cast<uint32_t>(count);
    }
    return true;
  }
  int read(void* data, size_t capacity) override {
    const ssize_t count = recv(socket_, data, capacity, 0);
    if (!loses_answer_) return static_cast<int>(count);
    shutdown(socket_, SHUT_RDWR);  // the server had answered, and the node will never know
    return -1;
  }
  void close() override {
    ::close(socket_);
    socket_ = -1;
  }

 private:
  bool one_in(uint32_t times) { return entropy_.next() % times == 0; }

  Entropy& entropy_;
  int socket_ = -1;
  uint32_t breaks_after_ = UINT32_MAX;
  bool loses_answer_ = false;
};

void say(const char* what, const Reading& reading) {
  const Stamp& stamp = reading.stamp;
  char line[120];
  const int length = std::snprintf(line, sizeof line, "%s %" PRIu32 " %" PRIu32 " %" PRId64 " %.9g\n", what, stamp.boot_id,
                                   stamp.sequence, stamp.unix_us, static_cast<double>(reading.measured.temperature_c));
  if (::write(1, line, static_cast<size_t>(length)) != length) std::abort();
}

// Does whatever it is told.
class Obedient final : public CommandHandler {
 public:
  bool perform(const char*, const JsonValue&, const char*&) override { return true; }
  void restart() override {}
};

bool record(Journal& journal, Stamper& stamper) {
  Reading reading;
  reading.stamp = stamper.now();
  const uint32_t number = reading.stamp.boot_id % 1000 + reading.stamp.sequence;
  reading.measured.temperature_c = -30.0f + static_cast<float>(number % 2000) / 64.0f;
  reading.measured.audio_level = static_cast<float>(reading.stamp.sequence);
  uint8_t bytes[kPackedReading];
  pack(reading, bytes);
  say("recording", reading);
  if (!journal.append(bytes, kPackedReading)) return false;
  say("recorded", reading);
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 9) return 2;
  const auto number = [&](int index) { return std::strtoll(arguments[index], nullptr, 10); };
  FileFlash flash(arguments[4], static_cast<uint64_t>(number(7)));
  fakes::Entropy entropy(static_cast<uint32_t>(number(5)));
  fakes::Clock clock;
  clock.unix_at_boot = number(8);
  Journal journal(flash);
  if (!journal.mount()) return 2;
  BadConnection connection(entropy);
  HttpClient http(connection, {arguments[1], static_cast<uint16_t>(number(2)), nullptr});
  Backoff backoff(entropy);
  static char buffer[12000];
  Uploader::Settings settings{};
  settings.device_id = arguments[3];
  settings.interval_ms = 20000;
  settings.most_readings = 50;
  Uploader uploader(journal, http, clock, backoff, settings, buffer, sizeof buffer);
  Stamper stamper(clock, entropy);
  Obedient handler;
  Commands commands(http, handler, arguments[3]);
  Backoff heartbeat_backoff(entropy);
  Heartbeat heartbeat(http, clock, heartbeat_backoff, commands, {arguments[3], "1.0.0", "HOST", stamper.boot_id()});
  for (long long i = 0; i < number(6); ++i) {
    clock.uptime += 1000000;
    if (!record(journal, stamper)) return 2;
    uploader.step();
    heartbeat.step({-60, 100000});
  }
  for (int attempt = 0; attempt < 400 && journal.pending() > 0; ++attempt) {
    clock.uptime = clock.uptime < uploader.next_us() ? uploader.next_us() : clock.uptime;
    uploader.step();
  }
  return journal.pending() == 0 ? 0 : kSomethingWaits;
}
