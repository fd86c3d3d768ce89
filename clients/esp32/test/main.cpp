#include "tests.h"

int main() {
  test_journal();
  test_json();
  test_http();
  test_uploader();
}
