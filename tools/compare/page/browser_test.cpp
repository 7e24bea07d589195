// The page in a real browser, headless; skipped where there is no Chromium.

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/page.hpp"
#include "tools/compare/page/sample_results.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock::page {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> find_browser() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "" : path};
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* const name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string program = folder + "/" + name;
      if (::access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return std::nullopt;
}

struct Opened {
  std::optional<int> status;
  std::string document;  // as it is when all scripts have run
  std::string log;
};

class PageInABrowser : public testing::Test {
 protected:
  void SetUp() override {
    if (!browser_) GTEST_SKIP() << "there is no Chromium here: scripts/setup browser";
    fs::create_directory(folder_);
  }
  ~PageInABrowser() override { fs::remove_all(folder_); }

  // `script` is run behind the page's own.
  [[nodiscard]] Opened open(const Results& results, const std::string& script = "") const {
    return open_text(page_of(results, folder_ + "/page.html") + "<script>" + script + "</script>");
  }

  [[nodiscard]] Opened open_text(const std::string& text) const {
    const std::string file = folder_ + "/page.html";
    std::ofstream{file} << text;
    ChildProcess browser{
        {.command = {*browser_, "--headless", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr",
                     "--user-data-dir=" + folder_ + "/profile", "--window-size=1920,1080",
                     "--dump-dom", "file://" + file},
         .own_group = true}};
    Opened opened;
    opened.document = browser.read_rest(std::chrono::seconds{60});
    opened.status = browser.wait(std::chrono::seconds{10});
    ::kill(-browser.pid(), SIGKILL);  // its helpers, where they are not gone by themselves
    opened.log = browser.read_errors(std::chrono::seconds{10});
    return opened;
  }

  static void expect_no_complaint(const Opened& opened) {
    EXPECT_EQ(opened.status, 0) << opened.log;
    EXPECT_TRUE(contains(opened.document.substr(0, 400), "data-script=\"done\""));
    EXPECT_FALSE(contains(opened.document.substr(0, 400), "data-error"));
    EXPECT_FALSE(contains(opened.log, "CONSOLE")) << "an error, or something that was refused";
  }

 private:
  std::optional<std::string> browser_ = find_browser();
  std::string folder_ = scratch_path("browser");
};

TEST_F(PageInABrowser, ShowsItsPlotsAndRunsItsScript) {
  const Opened opened = open(sample_results(20, 5));
  expect_no_complaint(opened);
  static const std::regex plot{"<svg class=\"plot wide\""};
  EXPECT_EQ(
      std::distance(std::sregex_iterator{opened.document.begin(), opened.document.end(), plot}, {}),
      5 * 3);
  EXPECT_TRUE(contains(opened.document, ">of-a-student-15</option>")) << "added by the script";
  EXPECT_TRUE(contains(opened.document, "<div class=\"tools\" id=\"tools\">")) << "shown by it";
}

TEST_F(PageInABrowser, ShowsAScaleRun) { expect_no_complaint(open(sample_scale())); }

TEST_F(PageInABrowser, HighlightsAModelChangesTheColoursAndReadsALatency) {
  const Opened opened = open(sample_results(4, 1), R"(
    const select = document.getElementById("highlight");
    select.value = "1";
    select.dispatchEvent(new Event("change"));
    document.getElementById("theme").click();
    const plot = document.querySelector("svg.wide[data-latency]");
    const box = plot.getBoundingClientRect();
    plot.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + box.width / 4}));
  )");
  expect_no_complaint(opened);
  EXPECT_TRUE(contains(opened.document, "class=\"lit\""));
  EXPECT_TRUE(contains(opened.document, "<tr data-model=\"1\" class=\"on\""));
  EXPECT_TRUE(contains(opened.document.substr(0, 400), "data-theme=\""));
  EXPECT_TRUE(contains(opened.document, "% took no longer (µs)</caption>"));
}

// In a frame, since a browser's window cannot be as narrow as a phone.
TEST_F(PageInABrowser, FitsAPhoneAndAProjector) {
  const std::string page = page_of(sample_results(20, 2), "page.html");
  for (const auto& [width, plots] : {std::pair{390, "narrow"}, {1920, "wide"}}) {
    const Opened opened = open_text(fmt::format(
        R"(<html><iframe width="{}" height="844" style="border: none" srcdoc="{}"></iframe><script>
        document.querySelector("iframe").addEventListener("load", (event) => {{
          const inner = event.target.contentWindow;
          const page = inner.document.documentElement;
          const seen = [...inner.document.querySelectorAll("svg.plot")]
            .filter((plot) => plot.getBoundingClientRect().width > 0)
            .map((plot) => plot.classList[1]);
          Object.assign(document.documentElement.dataset, page.dataset, {{
            width: inner.innerWidth,
            fits: page.scrollWidth <= inner.innerWidth,
            plots: [...new Set(seen)].join(),
            count: seen.length,
          }});
        }});</script>)",
        width, escaped(page)));
    expect_no_complaint(opened);
    const std::string begin = opened.document.substr(0, 400);
    EXPECT_TRUE(contains(begin, fmt::format("data-width=\"{0}\" data-fits=\"true\" "
                                            "data-plots=\"{1}\" data-count=\"6\"",
                                            width, plots)));
  }
}

}  // namespace
}  // namespace unblock::page
