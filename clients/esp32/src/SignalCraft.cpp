#ifdef ARDUINO_ARCH_ESP32

#include "SignalCraft.h"

#include <WiFi.h>
#include <esp_mac.h>
#include <esp_sntp.h>

// Arduino's start-up marks a new image as good before anything has run; this defers it to `Trial`.
extern "C" bool verifyRollbackLater() { return true; }

namespace signalcraft {
namespace {

const char* own_id(char id[kDeviceIdLength]) {
  uint8_t mac[6];
  esp_read_mac(mac, ESP_MAC_WIFI_STA);
  device_id_of(mac, id);
  return id;
}

Uploader::Settings settings_of(const char* device_id) {
  Uploader::Settings settings{};
  settings.device_id = device_id;
  return settings;
}

}  // namespace

Node::Node(const NodeConfig& config, Program& program)
    : config_(config),
      program_(program),
      connection_(config.certificate_authority),
      http_(connection_, {config.host, config.port, config.key}),
      uploader_(journal_, http_, clock_, reading_backoff_, settings_of(own_id(device_id_)), buffer_, kBufferSize),
      clips_(clip_partition_, http_, clock_, clip_backoff_, device_id_),
      commands_(http_, *this, device_id_),
      heartbeat_(http_, clock_, heartbeat_backoff_, commands_,
                 {device_id_, config.version, config.hardware, stamper_.boot_id()}) {}

bool Node::begin() {
  configTime(0, 0, "pool.ntp.org");
  if (!journal_.mount()) return false;
  uploader_.start();
  return true;
}

bool Node::record(const Measured& measured) {
  Reading reading;
  reading.stamp = stamper_.now();
  reading.measured = measured;
  uint8_t bytes[kPackedReading];
  pack(reading, bytes);
  return journal_.append(bytes, kPackedReading);
}

void Node::loop() {
  uploader_.step();
  heartbeat_.step({WiFi.RSSI(), ESP.getFreeHeap()});
  clips_.step();
  update_.step();
  if (update_.is_ready()) ESP.restart();
  trial_.step(heartbeat_.was_heard());
}

bool Node::perform(const char* kind, const JsonValue& command, const char*& error) {
  if (strcmp(kind, "config") == 0) {
    error = "a setting is out of range";
    return apply_settings(command);
  }
  if (strcmp(kind, "calibrate") == 0) {
    error = "the calibration failed";
    return program_.calibrate();
  }
  if (strcmp(kind, "firmware_update") == 0) {
    Manifest manifest;
    error = "the manifest is malformed or no operator's key is set";
    if (config_.operator_key == nullptr || !Manifest::parse(command, manifest)) return false;
    const bool began = update_.begin(manifest, config_.operator_key, config_.hardware);
    error = update_.error();
    return began;
  }
  error = "this firmware does not know the command";
  return false;
}

bool Node::apply_settings(const JsonValue& command) {
  uint64_t seconds = 0;
  uint64_t hz = 0;
  if (!command.member("upload_interval").whole(seconds) || seconds == 0 || seconds > 86400) return false;
  if (!command.member("sample_rate").whole(hz) || !program_.set_sample_rate(static_cast<uint32_t>(hz))) return false;
  uploader_.set_interval_ms(static_cast<uint32_t>(seconds) * 1000);
  return true;
}

}  // namespace signalcraft

#endif
