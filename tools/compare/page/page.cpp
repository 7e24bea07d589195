#include "tools/compare/page/page.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "tools/compare/machine.hpp"
#include "tools/compare/metrics.hpp"
#include "tools/compare/page/markup.hpp"
#include "tools/compare/page/plot.hpp"
#include "tools/compare/page/sections.hpp"
#include "tools/compare/report.hpp"
#include "tools/compare/text.hpp"

namespace unblock::page {

std::size_t index_of(const Results& results, const std::string& model) {
  const auto found =
      std::find_if(results.contenders.begin(), results.contenders.end(),
                   [&](const Contender& contender) { return contender.name == model; });
  return static_cast<std::size_t>(found - results.contenders.begin());
}

std::string section_html(const std::string& id, const std::string& title,
                         const std::string& content) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\" tabindex=\"-1\">\n"
      "<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
      id, escaped(title), content);
}

std::string list_html(const std::vector<std::string>& texts) {
  if (texts.empty()) return "";
  std::string items;
  for (const std::string& text : texts) items += "<li>" + escaped(text) + "</li>\n";
  return "<ul>\n" + items + "</ul>\n";
}

std::string figure_html(const std::string& heading, const std::string& pictures,
                        const std::string& below) {
  const std::string text =
      below.empty() ? "" : fmt::format("<figcaption>{}</figcaption>\n", escaped(below));
  return fmt::format("<figure>\n<h3>{}</h3>\n{}{}</figure>\n", escaped(heading), pictures, text);
}

namespace {

namespace fs = std::filesystem;

// The lesson as a link where this tree is still there, else where it is in any.
std::string lesson_of(const Contender& contender, const fs::path& folder) {
  if (contender.lesson == 0) return "";
  const std::string name = fmt::format("lesson {:02}", contender.lesson);
  const fs::path root{UNBLOCK_SOURCE_DIR};
  const fs::path target = root / contender.lesson_page;
  if (!fs::exists(target)) return name + ": " + escaped(contender.lesson_page);
  return fmt::format(R"(<a href="{}">{}: {}</a>)", escaped(link_to(target, folder, root)), name,
                     escaped(contender.lesson_page));
}

Section models_section(const Results& results, const fs::path& folder) {
  std::string html;
  for (std::size_t i = 0; i < results.contenders.size(); ++i) {
    const Contender& contender = results.contenders[i];
    const std::string text =
        contender.lesson == 0 ? "A server from --with: " + contender.command.back() : contender.why;
    html += fmt::format(
        "<article data-model=\"{}\">\n<h3><span class=\"model\">{}<span>{}</span>"
        "</span></h3>\n",
        i, sign_of(i), escaped(contender.name));
    if (!contender.summary.empty()) {
      html += fmt::format("<p class=\"summary\">{}</p>\n", escaped(contender.summary));
    }
    html += fmt::format("<p>{}</p>\n", escaped(text));
    const std::string lesson = lesson_of(contender, folder);
    if (!lesson.empty()) html += "<p>" + lesson + "</p>\n";
    html += "</article>\n";
  }
  return {"models", "Why they come out as they do",
          section_html("models", "Why they come out as they do",
                       "<div class=\"cards\">\n" + html + "</div>\n")};
}

std::string date_of(const Results& results) {
  const auto time = fmt::gmtime(std::chrono::system_clock::to_time_t(results.started));
  return fmt::format(R"(<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}">{0:%Y-%m-%d %H:%M} UTC</time>)",
                     time);
}

std::string meanings() {
  std::string html = "<details>\n<summary>What the columns mean</summary>\n<dl>\n";
  for (const Metric& metric : metrics()) {
    const std::string unit = metric.unit.empty() ? "" : " (" + metric.unit + ")";
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(metric.name + unit),
                        escaped(metric.meaning));
  }
  return html +
         "<dt>ratio</dt><dd>Of the requests per second to those of one of the models in the same "
         "rounds, and how far it may be off. That model is measured twice in each round: by how "
         "much it differs from itself is the noise.</dd>\n</dl>\n</details>\n";
}

Section run_section(const Results& results) {
  const auto seconds = std::chrono::duration<double>{results.elapsed}.count();
  std::string html = fmt::format(
      "<p>To repeat it:</p>\n<div class=\"command\"><pre tabindex=\"0\"><code id=\"command\">{}"
      "</code></pre>\n<button type=\"button\" id=\"copy\" hidden>Copy</button>\n"
      "<span id=\"copied\" role=\"status\"></span></div>\n",
      escaped(shell_line(results.command)));
  html += fmt::format(
      "<dl class=\"facts\">\n<dt>machine</dt><dd>{}</dd>\n<dt>date</dt><dd>{}, {:.0f} s</dd>\n"
      "<dt>pinning</dt><dd>{}</dd>\n<dt>rounds</dt><dd>In each round the models take turns, so "
      "that a change of the machine's pace hits all alike; numbers are medians of the rounds, "
      "threads, memory and the longest latency the largest.</dd>\n</dl>\n",
      escaped(describe(this_machine())), date_of(results), seconds,
      escaped(describe_pinning(results.pinning)));
  html += meanings();
  return {"run", "How it was measured", section_html("run", "How it was measured", html)};
}

std::string navigation(const std::vector<Section>& sections) {
  std::string items;
  for (const Section& section : sections) {
    items += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", section.id, escaped(section.title));
  }
  return items;
}

std::string notice(const Results& results) {
  std::vector<std::string> texts;
  if (results.interrupted) texts.emplace_back("Interrupted: what follows was measured before.");
  if (results.scale && !results.scale->left_out.empty()) texts.push_back(results.scale->left_out);
  return texts.empty() ? "" : "<div class=\"notice\">" + list_html(texts) + "</div>\n";
}

std::string title_of(const Results& results) {
  if (results.scale) return "How the cost grows with the connections";
  std::vector<std::string> loads;
  for (const Comparison& comparison : results.comparisons) {
    loads.push_back(unblock::title_of(comparison.load));
  }
  return "Side by side: " + listed(loads);
}

}  // namespace

std::string page_of(const Results& results, const fs::path& file) {
  std::vector<Section> sections;
  for (const Comparison& comparison : results.comparisons) {
    sections.push_back(section_of(comparison, results, sections.size()));
  }
  if (results.scale) {
    for (const Sweep& sweep : results.scale->sweeps) {
      sections.push_back(section_of(sweep, results));
    }
  }
  sections.push_back(models_section(results, fs::absolute(file).lexically_normal().parent_path()));
  sections.push_back(run_section(results));
  std::string body;
  for (const Section& section : sections) body += section.html;
  return filled(html_source, {{"title", escaped(title_of(results))},
                              {"style", css_source},
                              {"script", js_source},
                              {"navigation", navigation(sections)},
                              {"machine", escaped(describe(this_machine()))},
                              {"date", date_of(results)},
                              {"notice", notice(results)},
                              {"sections", body},
                              {"results", json_for_script(to_json(results))}});
}

}  // namespace unblock::page
