// The ESP32 behind the core's interfaces (Arduino core 3.x, which brings ESP-IDF 5).
#pragma once

#ifdef ARDUINO_ARCH_ESP32

#include <Arduino.h>
#include <NetworkClient.h>
#include <NetworkClientSecure.h>
#include <esp_ota_ops.h>
#include <esp_partition.h>
#include <esp_random.h>
#include <esp_timer.h>
#include <sys/time.h>

#include "../core/ports.h"
#include "../core/update.h"

namespace signalcraft::chip {

// A data partition of the partition table, by its label. Not with flash encryption: its writes come in blocks.
class Partition final : public Flash {
 public:
  explicit Partition(const char* label)
      : partition_(esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, label)) {}
  uint32_t size() const override { return partition_ == nullptr ? 0 : partition_->size; }
  uint32_t sector_size() const override { return partition_ == nullptr ? 0 : partition_->erase_size; }
  bool read(uint32_t offset, void* data, uint32_t length) override {
    return esp_partition_read(partition_, offset, data, length) == ESP_OK;
  }
  bool write(uint32_t offset, const void* data, uint32_t length) override {
    return esp_partition_write(partition_, offset, data, length) == ESP_OK;
  }
  bool erase(uint32_t sector_offset) override {
    return esp_partition_erase_range(partition_, sector_offset, partition_->erase_size) == ESP_OK;
  }

 private:
  const esp_partition_t* partition_;
};

class SystemClock final : public Clock {
 public:
  uint64_t uptime_us() override { return static_cast<uint64_t>(esp_timer_get_time()); }
  // SNTP sets the system's clock; before that it counts from 1970.
  int64_t unix_us() override {
    constexpr time_t k2020 = 1577836800;
    timeval now;
    gettimeofday(&now, nullptr);
    return now.tv_sec < k2020 ? 0 : now.tv_sec * 1000000LL + now.tv_usec;
  }
};

// The generator is only truly random while the radio is on: join the network before the first number is drawn.
class HardwareEntropy final : public Entropy {
 public:
  uint32_t next() override { return esp_random(); }
};

class TcpConnection final : public Connection {
 public:
  // With a certificate authority the connection is TLS; without, plain TCP.
  explicit TcpConnection(const char* certificate_authority) : is_secure_(certificate_authority != nullptr) {
    if (is_secure_) secure_.setCACert(certificate_authority);
  }
  bool open(const char* host, uint16_t port) override {
    client().setTimeout(kPatienceMs);
    return is_secure_ ? secure_.connect(host, port) == 1 : plain_.connect(host, port, kPatienceMs) == 1;
  }
  bool write(const void* data, size_t length) override {
    return client().write(static_cast<const uint8_t*>(data), length) == length;
  }
  int read(void* data, size_t capacity) override {
    const uint32_t began = millis();
    while (client().available() == 0) {
      if (!client().connected()) return 0;
      if (millis() - began > kPatienceMs) return -1;
      delay(2);
    }
    return client().read(static_cast<uint8_t*>(data), capacity);
  }
  void close() override { client().stop(); }

 private:
  static constexpr uint32_t kPatienceMs = 10000;
  NetworkClient& client() { return is_secure_ ? secure_ : plain_; }

  bool is_secure_;
  NetworkClient plain_;
  NetworkClientSecure secure_;
};

// The other of the two application partitions.
class OtaSlot final : public ImageSlot {
 public:
  OtaSlot() : partition_(esp_ota_get_next_update_partition(nullptr)) {}
  uint32_t capacity() const override { return partition_ == nullptr ? 0 : partition_->size; }
  bool erase(uint32_t size) override {
    const uint32_t sector = partition_->erase_size;
    return esp_partition_erase_range(partition_, 0, (size + sector - 1) / sector * sector) == ESP_OK;
  }
  bool write(uint32_t offset, const void* data, uint32_t length) override {
    return esp_partition_write(partition_, offset, data, length) == ESP_OK;
  }
  bool read(uint32_t offset, void* data, uint32_t length) override {
    return esp_partition_read(partition_, offset, data, length) == ESP_OK;
  }
  bool select() override { return esp_ota_set_boot_partition(partition_) == ESP_OK; }
  bool is_on_trial() override {
    esp_ota_img_states_t state;
    return esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
           state == ESP_OTA_IMG_PENDING_VERIFY;
  }
  void keep() override { esp_ota_mark_app_valid_cancel_rollback(); }
  void roll_back() override { esp_ota_mark_app_invalid_rollback_and_reboot(); }

 private:
  const esp_partition_t* partition_;
};

}  // namespace signalcraft::chip

#endif
