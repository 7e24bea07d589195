// What the page says and how, as text. browser_test.cpp opens it.

#include "tools/compare/page/page.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include <gtest/gtest.h>

#include "tools/compare/models.hpp"
#include "tools/compare/page/axis.hpp"
#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/sample_results.hpp"
#include "tools/compare/test_support.hpp"

namespace unblock::page {
namespace {

namespace fs = std::filesystem;

const fs::path root{UNBLOCK_SOURCE_DIR};

std::size_t count_of(const std::string& part, const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::vector<std::string> links_in(const std::string& page) {
  static const std::regex link{"href=\"([^\"]*)\""};
  std::vector<std::string> found;
  for (std::sregex_iterator at{page.begin(), page.end(), link}, end; at != end; ++at) {
    found.push_back((*at)[1]);
  }
  return found;
}

// The page without the results for its script.
std::string markup_of(const std::string& page) {
  return page.substr(0, page.find("<script type=\"application/json\""));
}

TEST(Page, NeedsNothingElse) {
  const std::string page = page_of(sample_results(20, 5), root / "build/demo.html");
  for (const char* const loads : {"http:", "https:", "url(", "@import", "<link", "<iframe"}) {
    EXPECT_EQ(page.find(loads), std::string::npos) << loads;
  }
  EXPECT_EQ(std::regex_search(page, std::regex{"<[^>]* src="}), false);
  std::size_t lessons = 0;
  for (const std::string& link : links_in(page)) {
    if (link.starts_with("#")) {
      EXPECT_NE(page.find("id=\"" + link.substr(1) + "\""), std::string::npos) << link;
    } else {
      EXPECT_TRUE(fs::exists(root / "build" / link)) << link;
      ++lessons;
    }
  }
  EXPECT_EQ(lessons, known_models().size());
}

TEST(Page, HasEveryModelInItsTableAndInItsPlots) {
  const Results results = sample_results(20, 2);
  const std::string page = markup_of(page_of(results, root / "build/demo.html"));
  for (std::size_t i = 0; i < results.contenders.size(); ++i) {
    const std::string mark = "data-model=\"" + std::to_string(i) + "\"";
    EXPECT_EQ(count_of("<tr " + mark, page), 2U) << "a row for each load";
    // Throughput, CPU time and latency under each load, each in two widths; no latency of a dead
    // one.
    const bool is_dead = i + 1 == results.contenders.size();
    EXPECT_EQ(count_of(" " + mark + ">", page) - 2 - 1, is_dead ? 8U : 12U) << i;
  }
  for (const auto& comparison : results.comparisons) {
    EXPECT_TRUE(contains(page, "</h2>\n<p class=\"lead\">" + escaped(comparison.load.summary)));
  }
}

TEST(Page, SaysWhyAModelHasNoNumbers) {
  const std::string page = markup_of(page_of(sample_results(3, 1), "demo.html"));
  EXPECT_TRUE(contains(page, "<td class=\"problem\" colspan=\"15\">✕ died in the middle (exit 1)"));
}

TEST(Page, TakesNothingThatAServerSaysForMarkup) {
  const Results results = sample_results(3, 1);
  const std::string page = page_of(results, "demo.html");
  EXPECT_EQ(count_of("<script", page), 3U);
  EXPECT_EQ(count_of("</script", page), 3U);
  EXPECT_EQ(count_of("<img", page), 0U);
  EXPECT_EQ(count_of("<!--", page), 0U);
  EXPECT_TRUE(contains(page, "{{script}} \xef\xbf\xbd\xef\xbf\xbd &amp; so on"));
}

TEST(Page, CarriesTheResultsForItsScript) {
  const Results results = sample_results(3, 1);
  const std::string page = page_of(results, "demo.html");
  const std::string begin = "id=\"results\">";
  const std::size_t from = page.find(begin) + begin.size();
  const auto carried =
      nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
  EXPECT_EQ(carried["format"], "unblock-compare");
  EXPECT_EQ(carried["models"][2]["name"], hostile_name);
}

TEST(Page, EndsALineWhereItsModelEndsAndSaysWhy) {
  const std::string page = markup_of(page_of(sample_scale(), "demo.html"));
  EXPECT_TRUE(contains(page, "select ends at 10 active: no descriptor &lt;left&gt;"));
  // Three plots in two widths: a line of one point for select, of two for epoll-lt.
  EXPECT_EQ(count_of("class=\"cross\"", page), 6U);
  static const std::regex one_point{"class=\"stroke\" d=\"M[0-9.]+ [0-9.]+\""};
  static const std::regex two_points{"class=\"stroke\" d=\"M[0-9.]+ [0-9.]+L[0-9.]+ [0-9.]+\""};
  const auto lines = [&](const std::regex& form) {
    return std::distance(std::sregex_iterator{page.begin(), page.end(), form}, {});
  };
  EXPECT_EQ(lines(one_point), 6);
  EXPECT_EQ(lines(two_points), 6);
}

TEST(Page, StandsWithNothingMeasured) {
  Results results = sample_results(3, 1);
  results.interrupted = true;
  for (Entry& entry : results.comparisons[0].entries) entry.rounds.clear();
  results.comparisons[0].twin.reset();
  EXPECT_TRUE(contains(page_of(results, "demo.html"), "Interrupted: what follows was measured"));
  Results scale = sample_scale();
  scale.scale->sweeps[0].points.clear();
  EXPECT_TRUE(contains(page_of(scale, "demo.html"), "Nothing was measured."));
}

TEST(Page, KnowsWhyEachModelComesOutAsItDoes) {
  static const std::regex two_sentences{R"([^.]+(\.[0-9][^.]*)?\. [A-Z][^.]+\.)"};
  for (const KnownModel& model : known_models()) {
    EXPECT_TRUE(std::regex_match(why(model), two_sentences)) << model.name << ": " << why(model);
    EXPECT_TRUE(fs::exists(root / lesson_page(model))) << lesson_page(model);
  }
}

TEST(Escaped, IsTextAndNothingElse) {
  EXPECT_EQ(escaped("a<b & \"c\" 'd' ä"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39; ä");
  EXPECT_EQ(escaped("\x01\xc3"), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Filled, LeavesBracesInAPartAlone) {
  EXPECT_EQ(filled("{{a}}-{{b}}.", {{"a", "{{b}}"}, {"b", "2"}}), "{{b}}-2.");
  EXPECT_THROW(filled("{{c}}", {}), std::out_of_range);
}

TEST(Link, IsRelativeWithinTheTreeOnly) {
  EXPECT_EQ(link_to("/tree/lessons/a b.md", "/tree/build", "/tree"), "../lessons/a%20b.md");
  EXPECT_EQ(link_to("/tree/a.md", "/treehouse", "/tree"), "file:///tree/a.md");
}

std::string ticks_of(const Axis& axis) {
  std::string texts;
  for (const Tick& tick : axis.ticks) texts += (texts.empty() ? "" : " ") + tick.text;
  return texts;
}

TEST(Axis, HasRoundNumbers) {
  EXPECT_EQ(ticks_of(linear_axis(1.06, "")), "0 0.5 1 1.5");
  EXPECT_EQ(ticks_of(linear_axis(39.3, "")), "0 10 20 30 40");
  EXPECT_EQ(ticks_of(log_axis(23, 1'900, "")), "20 50 100 200 500 1,000 2,000");
  EXPECT_EQ(ticks_of(log_axis(5, 5, "")), "5 10 20");
  EXPECT_EQ(ticks_of(percentile_axis(0.99995)), "0 50 90 99 99.9 99.99");
}

TEST(Axis, PlacesItsEndsAndItsMiddle) {
  const Axis axis = log_axis(10, 1'000, "");
  EXPECT_NEAR(axis.share(10), 0, 1e-9);
  EXPECT_NEAR(axis.share(100), 0.5, 1e-9);
  EXPECT_NEAR(axis.share(1'000), 1, 1e-9);
  EXPECT_NEAR(percentile_place(0.99), 2, 1e-9);
}

TEST(PageCommand, WritesThePageAndSaysWhere) {
  const std::string path = scratch_path("page.html");
  const Outcome outcome =
      run_command({"compare", "epoll-lt", "--with", with("dies"), "--rounds", "2", "--duration",
                   "0.5", "--connections", "8", "--html", path});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_TRUE(outcome.output.ends_with("\npage     file://" + path + "\n")) << outcome.output;
  std::ifstream file{path};
  const std::string page{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_TRUE(contains(page, "died in the middle (signal 6): last words</td>"));
  fs::remove(path);
}

TEST(PageCommand, RefusesAFileThatCannotBeBeforeTheRun) {
  const std::string same = scratch_path("same");
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"compare", "--html", "/no/such/folder/page.html"},
                                             {"compare", "--html", "-"},
                                             {"compare", "--html", same, "--json", same}}) {
    const Outcome outcome = run_command(arguments);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.output, "");
    EXPECT_TRUE(matches(outcome.errors, "unblock: [^\n]+\n")) << "one line";
  }
  EXPECT_FALSE(fs::exists(same));
}

}  // namespace
}  // namespace unblock::page
