// A signed update: the manifest is checked before anything is downloaded, the image as it lies in flash before it is
// started, and the new firmware on trial before it may stay.
//
//   offered --signature good--> downloading --all there, digest good--> installed --restart--> on trial
//                                   '--no connection--> goes on where it stopped          |--a heartbeat heard--> kept
//                                                                                         '--time up, or a crash--> rolled back
//
// A crash or a watchdog reset while on trial is the boot loader's business: it starts the old image again.
#pragma once

#include <cstdint>

#include "backoff.h"
#include "ed25519.h"
#include "http.h"
#include "json_reader.h"
#include "ports.h"
#include "sha2.h"

namespace signalcraft {

struct Manifest {
  char version[48];
  char hardware[48];
  char path[160];  // on the node's own server
  uint32_t size;
  uint8_t sha256[Sha256::kSize];
  uint8_t signature[kEd25519Signature];

  // From a `firmware_update` command. False if a part is missing, malformed or too long.
  static bool parse(const JsonValue& command, Manifest& manifest);

  // Whether the operator's key signed this image for this hardware under this version.
  bool is_signed_by(const uint8_t public_key[kEd25519Key]) const;
};

// The partition that the next image goes to, and the boot loader's memory of which one to start.
class ImageSlot {
 public:
  virtual uint32_t capacity() const = 0;
  virtual bool erase(uint32_t size) = 0;
  virtual bool write(uint32_t offset, const void* data, uint32_t length) = 0;
  virtual bool read(uint32_t offset, void* data, uint32_t length) = 0;
  // Start this image at the next boot, on trial.
  virtual bool select() = 0;
  virtual bool is_on_trial() = 0;
  virtual void keep() = 0;
  // Starts the old image; does not return on a chip.
  virtual void roll_back() = 0;

 protected:
  ~ImageSlot() = default;
};

class Update final : private Sink {
 public:
  enum class State { kIdle, kDownloading, kInstalled, kFailed };

  Update(ImageSlot& slot, HttpClient& http, Clock& clock, Backoff& backoff, const char* device_id)
      : slot_(slot), http_(http), clock_(clock), backoff_(backoff), device_id_(device_id) {}

  // Begins if the manifest is signed, meant for this hardware and has room; else `error` says why not.
  bool begin(const Manifest& manifest, const uint8_t public_key[kEd25519Key], const char* hardware);

  // One piece of work: asks for what is missing, checks and selects what is complete, says how it ended.
  void step();

  // Whether the image is installed and the server knows: time to restart.
  bool is_ready() const { return state_ == State::kInstalled && is_told_; }

  State state() const { return state_; }
  const Manifest& manifest() const { return manifest_; }
  uint32_t percent() const { return manifest_.size == 0 ? 0 : static_cast<uint32_t>(100ull * received_ / manifest_.size); }
  const char* error() const { return error_; }

 private:
  static constexpr uint32_t kMostFailures = 50;  // without a single new byte

  bool accept(const Answer& answer) override;
  bool take(const uint8_t* data, size_t length) override;
  void download();
  void install();
  void tell();
  bool digest_fits();
  bool fail(const char* error);

  ImageSlot& slot_;
  HttpClient& http_;
  Clock& clock_;
  Backoff& backoff_;
  const char* device_id_;
  Manifest manifest_{};
  State state_ = State::kIdle;
  uint32_t received_ = 0;
  uint32_t failures_ = 0;
  uint64_t next_us_ = 0;
  const char* error_ = "";
  bool is_told_ = true;  // how it ended; a refused command tells it by itself
};

// New firmware has so long to reach the server; then the old one comes back.
class Trial {
 public:
  static constexpr uint64_t kLongestUs = 15ull * 60 * 1000000;

  Trial(ImageSlot& slot, Clock& clock) : slot_(slot), clock_(clock) {}
  // `has_proven_itself`: it has reached the server, so it can also be told to update again.
  void step(bool has_proven_itself);

 private:
  ImageSlot& slot_;
  Clock& clock_;
};

}  // namespace signalcraft
