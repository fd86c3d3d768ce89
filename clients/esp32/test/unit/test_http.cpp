#include <initializer_list>
#include <string>

#include "../../src/core/http.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using namespace signalcraft;

namespace {

Answer get(fakes::Server& server, const std::string& answer, std::string& text) {
  server.answers = {answer};
  HttpClient http(server, {"example.test", 8000, "scd_key"});
  char buffer[200];
  TextSink sink(buffer, sizeof buffer);
  const Answer got = http.exchange({"GET", "/x", nullptr, nullptr, nullptr}, sink);
  text = sink.text();
  return got;
}

void sends_what_a_server_expects() {
  fakes::Server server;
  server.answers = {fakes::http(200, "")};
  HttpClient http(server, {"example.test", 8000, "scd_key"});
  char buffer[10];
  TextSink sink(buffer, sizeof buffer);
  MemoryBody body("[]", 2);
  http.exchange({"POST", "/x?y=1", "application/json", &body, "X-A: 1\r\n"}, sink);
  CHECK(server.requests.at(0) ==
        "POST /x?y=1 HTTP/1.1\r\nHost: example.test:8000\r\nConnection: close\r\nContent-Length: 2\r\n"
        "Content-Type: application/json\r\nAuthorization: Bearer scd_key\r\nX-A: 1\r\n\r\n[]");
}

void reads_answers_however_they_are_cut() {
  const std::string chunked =
      "HTTP/1.1 503 Busy\r\nretry-after: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
  for (const size_t piece : std::initializer_list<size_t>{1, 2, 3, 7, 1000}) {
    fakes::Server server;
    server.piece = piece;
    std::string text;
    Answer answer = get(server, fakes::http(200, "hello"), text);
    CHECK(answer.status == 200 && answer.whole && text == "hello");
    answer = get(server, chunked, text);
    CHECK(answer.status == 503 && answer.whole && text == "abcde" && answer.retry_after_ms == 7000);
    answer = get(server, "HTTP/1.0 200 OK\r\n\r\nuntil closed", text);
    CHECK(answer.status == 200 && text == "until closed");
  }
}

void an_answer_that_breaks_off_is_not_whole() {
  fakes::Server server;
  std::string text;
  const std::string answer = fakes::http(200, "hello");
  for (size_t length = 0; length < answer.size(); ++length) CHECK(!get(server, answer.substr(0, length), text).whole);
}

void nonsense_is_no_answer() {
  fakes::Server server;
  std::string text;
  CHECK(get(server, "220 mail.example ESMTP\r\n", text).status == 0);
  CHECK(get(server, "HTTP/1.1 200 OK\r\nContent-Length: minus one\r\n\r\n", text).status == 0);
  const Answer answer = get(server, "HTTP/1.1 429 X\r\nRetry-After: 99999999\r\n" + std::string(4000, 'x') + ": y\r\nContent-Length: 0\r\n\r\n", text);
  CHECK(answer.status == 429 && answer.whole && answer.retry_after_ms == 3600000);
  server.answers.clear();
  HttpClient http(server, {"example.test", 8000, nullptr});
  char buffer[10];
  TextSink sink(buffer, sizeof buffer);
  CHECK(http.exchange({"GET", "/", nullptr, nullptr, nullptr}, sink).status == 0);
}

void a_long_answer_is_cut_and_said_to_be() {
  fakes::Server server;
  server.answers = {fakes::http(200, std::string(100, 'x'))};
  HttpClient http(server, {"example.test", 8000, nullptr});
  char buffer[10];
  TextSink sink(buffer, sizeof buffer);
  CHECK(http.exchange({"GET", "/", nullptr, nullptr, nullptr}, sink).whole);
  CHECK(!sink.complete() && std::string(sink.text()) == "xxxxxxxxx");
}

}  // namespace

void test_http() {
  RUN(sends_what_a_server_expects);
  RUN(reads_answers_however_they_are_cut);
  RUN(an_answer_that_breaks_off_is_not_whole);
  RUN(nonsense_is_no_answer);
  RUN(a_long_answer_is_cut_and_said_to_be);
}
