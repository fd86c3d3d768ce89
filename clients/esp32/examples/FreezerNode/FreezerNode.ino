// A freezer's node: DS18B20 on pin 4, INMP441 microphone (WS 25, SD 33, SCK 32). One reading a second, one clip of ten
// seconds every ten minutes. Set the five values below, and choose this sketch's partitions.csv.

#include <DallasTemperature.h>
#include <OneWire.h>
#include <SignalCraft.h>
#include <WiFi.h>
#include <driver/i2s_std.h>

const char WIFI_NAME[] = "…";
const char WIFI_PASSWORD[] = "…";
const char SERVER[] = "192.168.0.10";
const char DEVICE_KEY[] = "scd_…";
const uint8_t OPERATOR_KEY[32] = {0};

SET_LOOP_TASK_STACK_SIZE(16 * 1024);  // requests and answers lie on the stack

constexpr uint32_t SAMPLE_RATE_HZ = 16000;
constexpr uint32_t CLIP_SECONDS = 10;
constexpr uint32_t CLIP_BYTES = CLIP_SECONDS * SAMPLE_RATE_HZ * 2;
constexpr uint64_t CLIP_EVERY_US = 600ull * 1000000;

OneWire wire(4);
DallasTemperature thermometer(&wire);
i2s_chan_handle_t microphone;

class Freezer final : public signalcraft::Program {
 public:
  bool set_sample_rate(uint32_t hz) override { return hz == SAMPLE_RATE_HZ; }
  bool calibrate() override { return true; }  // nothing here drifts
} freezer;

signalcraft::Node node({SERVER, 8000, nullptr, DEVICE_KEY, "ESP32_v1", "1.0.0", OPERATOR_KEY}, freezer);

void begin_microphone() {
  i2s_chan_config_t channel = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_0, I2S_ROLE_MASTER);
  channel.dma_desc_num = 8;
  channel.dma_frame_num = 1000;  // half a second: longer than any write to flash
  i2s_new_channel(&channel, nullptr, &microphone);
  i2s_std_config_t config = {
      .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(SAMPLE_RATE_HZ),
      .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_16BIT, I2S_SLOT_MODE_MONO),
      .gpio_cfg = {.mclk = I2S_GPIO_UNUSED, .bclk = GPIO_NUM_32, .ws = GPIO_NUM_25, .dout = I2S_GPIO_UNUSED, .din = GPIO_NUM_33},
  };
  i2s_channel_init_std_mode(microphone, &config);
  i2s_channel_enable(microphone);
}

// Records into the next of the places that the partition has, so that all of it wears alike. Takes ten seconds and more.
void record_clip() {
  static uint32_t place = 0;
  signalcraft::Flash& flash = node.clip_flash();
  const uint32_t sector = flash.sector_size();
  const uint32_t room = (CLIP_BYTES + sector - 1) / sector * sector;
  signalcraft::Clip clip;
  clip.offset = place++ % (flash.size() / room) * room;
  clip.sample_rate_hz = SAMPLE_RATE_HZ;
  for (uint32_t offset = 0; offset < room; offset += sector) flash.erase(clip.offset + offset);
  int16_t samples[512];
  size_t count = 0;
  for (int stale = 0; stale < 20; ++stale) i2s_channel_read(microphone, samples, sizeof samples, &count, 1000);
  clip.began_us = node.clock().uptime_us();
  while (clip.size < CLIP_BYTES) {
    if (i2s_channel_read(microphone, samples, sizeof samples, &count, 1000) != ESP_OK) return;
    flash.write(clip.offset + clip.size, samples, count);
    clip.size += count;
  }
  node.offer_clip(clip);
}

void setup() {
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(100);
  thermometer.begin();
  begin_microphone();
  if (!node.begin()) Serial.println("the partition `journal` is missing: choose partitions.csv");
}

void loop() {
  static uint64_t next_reading_us = 0;
  static uint64_t next_clip_us = 0;
  const uint64_t now_us = node.clock().uptime_us();
  if (now_us >= next_reading_us) {
    next_reading_us = now_us + 1000000;
    thermometer.requestTemperatures();
    signalcraft::Measured measured;  // what is not measured stays NAN
    measured.temperature_c = thermometer.getTempCByIndex(0);
    node.record(measured);
  }
  if (now_us >= next_clip_us && !node.is_sending_clip()) {
    next_clip_us = now_us + CLIP_EVERY_US;
    record_clip();
  }
  node.loop();
}
