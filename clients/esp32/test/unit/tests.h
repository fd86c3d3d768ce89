#pragma once

void test_journal();
void test_json();
void test_http();
void test_uploader();
void test_clip();
void test_commands();
void test_update();
