// An image of 10,000 bytes (byte i is (7 i + i / 256) modulo 251), signed with a key made for this test. The signature is
// OpenSSL's, over the text that the server signs: see Manifest::is_signed_by.
#pragma once

#include <cstdint>

constexpr uint8_t kPublicKey[32] = {3, 161, 7, 191, 243, 206, 16, 190, 29, 112, 221, 24, 231, 75, 192, 153, 103, 228, 214, 48, 155, 165, 13, 95, 29, 220, 134, 100, 18, 85, 49, 184};
constexpr char kCommand[] =
    "{\"type\":\"firmware_update\",\"command_id\":10,\"version\":\"1.4.0\",\"hardware\":\"ESP32_v1\","
    "\"firmware_url\":\"/api/iot/firmware/download/3\",\"size\":10000,"
    "\"sha256\":\"089fb08b29d3838b91846dbaf5bd1044fdfa1eb2d94eaff8c88d749d8470a393\","
    "\"signature\":\"65a6R2rBRjnMPj9864f68/ym6/zSq85Q6GaFgUC/MHoQsv2OUPUk5fZLjAO/pdLXJ3IWl0XiAyi8czoXB+LXBw==\"}";
