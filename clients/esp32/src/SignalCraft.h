// A SignalCraft node: measure, call `record`, call `loop` often; the rest happens.
//
// What is in `core` is plain C++17, tested on a host; this file and `arduino` tie it to the ESP32.
#pragma once

#ifdef ARDUINO_ARCH_ESP32

#include "arduino/chip.h"
#include "core/clip.h"
#include "core/commands.h"
#include "core/heartbeat.h"
#include "core/identity.h"
#include "core/journal.h"
#include "core/reading.h"
#include "core/update.h"
#include "core/uploader.h"

namespace signalcraft {

struct NodeConfig {
  const char* host;                     // name or address of the server
  uint16_t port;                        // 8000, or 443 behind TLS
  const char* certificate_authority;    // PEM; nullptr: plain HTTP, for networks you trust
  const char* key;                      // the device's key, scd_…; nullptr while it has none
  const char* hardware;                 // which images fit, such as "ESP32_v1"
  const char* version;                  // of this firmware, as its image will be called
  const uint8_t* operator_key;          // 32 bytes, Ed25519; nullptr: no updates
};

// What only the program knows how to do.
class Program {
 public:
  // A setting that the server wants; false if it cannot be.
  virtual bool set_sample_rate(uint32_t hz) = 0;
  virtual bool calibrate() = 0;

 protected:
  ~Program() = default;
};

class Node final : private CommandHandler {
 public:
  Node(const NodeConfig& config, Program& program);

  // After the network is up. False if the partition `journal` is missing: nothing can be kept.
  bool begin();

  // Keeps a reading in flash and returns at once; it is sent with the next batch. False if flash fails.
  bool record(const Measured& measured);

  // A clip that lies in the partition `clips`, to be sent as soon as it can be.
  void offer_clip(const Clip& clip) { clips_.offer(clip); }
  bool is_sending_clip() const { return clips_.is_waiting(); }

  // Sends what is due. Blocks for as long as one exchange takes: give it a task of its own if sampling must not wait.
  void loop();

  const char* device_id() const { return device_id_; }
  Flash& clip_flash() { return clip_partition_; }
  Clock& clock() { return clock_; }

 private:
  bool perform(const char* kind, const JsonValue& command, const char*& error) override;
  void restart() override { ESP.restart(); }
  bool apply_settings(const JsonValue& command);

  static constexpr size_t kBufferSize = 25000;

  NodeConfig config_;
  Program& program_;
  char device_id_[kDeviceIdLength];
  char buffer_[kBufferSize];
  chip::SystemClock clock_;
  chip::HardwareEntropy entropy_;
  chip::Partition journal_partition_{"journal"};
  chip::Partition clip_partition_{"clips"};
  chip::OtaSlot slot_;
  chip::TcpConnection connection_;
  HttpClient http_;
  Journal journal_{journal_partition_};
  Backoff reading_backoff_{entropy_};
  Backoff clip_backoff_{entropy_};
  Backoff update_backoff_{entropy_};
  Backoff heartbeat_backoff_{entropy_};
  Uploader uploader_;
  ClipSender clips_;
  Commands commands_;
  Stamper stamper_{clock_, entropy_};
  Heartbeat heartbeat_;
  Update update_{slot_, http_, clock_, update_backoff_, device_id_};
  Trial trial_{slot_, clock_};
};

}  // namespace signalcraft

#endif
