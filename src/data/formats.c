#include "src/data/format.h"

#include <string.h>

/*
 * Of the rows whose keys are all there the one with the most keys wins, of equals the
 * first. What is recognised but holds no pairs stands here too, so that the message can
 * say what it is.
 */
const struct format pair_formats[] = {
    {.known = {"rlaif", ROWS_JSON, {"context", "a", "b"}, NULL},
     .what = "our own JSONL, written by export pairs",
     .read = read_own},
    {.known = {"trl", ROWS_JSON, {"prompt", "chosen", "rejected"}, NULL},
     .what = "prompt, chosen and rejected as text or as messages (TRL, Hugging Face)",
     .read = read_trl},
    {.known = {"trl", ROWS_JSON, {"chosen", "rejected"}, check_messages},
     .what = "chosen and rejected as whole message lists",
     .read = read_trl},
    {.known = {"hh", ROWS_JSON, {NULL}, check_transcripts},
     .what = "chosen and rejected as whole transcripts (Anthropic HH)",
     .read = read_hh},
    {.known = {"hh_answers", ROWS_JSON, {"Question", "Answer1", "Answer2"}, NULL},
     .what = "Question, Answer1, Answer2, Preference",
     .read = read_hh_answers,
     .place_ids = true},
    {.known = {"hhh_ab", ROWS_JSON, {"corrects", "text_correct", "text_incorrect"}, NULL},
     .what = "HHH evaluation items",
     .read = read_hhh},
    {.known = {"openai", ROWS_JSON, {"info", "summaries"}, NULL},
     .what = "OpenAI's TL;DR and CNN/DM comparisons",
     .read = read_openai},
    {.known = {"tldr_judged_csv",
               ROWS_CSV,
               {"query", "postprocessed_response", "reference_responses"},
               NULL},
     .what = "CSV of TL;DR pairs judged by GPT-4",
     .read = read_tldr_csv},
    {.known = {"llmbar", ROWS_JSON, {"input", "output_1", "output_2"}, NULL},
     .what = "LLMBar dataset.json",
     .read = read_llmbar,
     .place_ids = true},
    {.known = {"autoj", ROWS_JSON, {"prompt", "response 1", "response 2"}, NULL},
     .what = "Auto-J pairwise test data",
     .read = read_autoj},
    {.known =
         {"pandalm", ROWS_JSON, {"idx", "instruction", "response1", "response2"}, NULL},
     .what = "PandaLM test set with three annotators",
     .read = read_pandalm},
    {.known = {"faireval", ROWS_JSON, {"question_id", "text"}, NULL},
     .what = "FairEval: question.jsonl, two answer files, the human review",
     .read_files = read_faireval_files},
    {.known = {"faireval", ROWS_CSV, {NULL}, check_review},
     .what = "FairEval's review file",
     .read_files = read_faireval_files},
    {.known = {"alpaca_eval",
               ROWS_JSON,
               {"instruction", "output_1", "output_2", "preference"},
               NULL},
     .what = "AlpacaEval annotations with soft labels",
     .read = read_alpaca,
     .place_ids = true},
    {.known = {"rmb", ROWS_JSON, {"conversation_input", "chosen", "reject"}, NULL},
     .what = "RMB pairwise sets",
     .read = read_rmb},
    {.known = {"judgebench",
               ROWS_JSON,
               {"pair_id", "question", "response_A", "response_B"},
               NULL},
     .what = "JudgeBench pairs (with or without judgments)",
     .read = read_judgebench},
    {.known = {"summeval", ROWS_JSON, {"id", "src", "summary_1", "summary_2"}, NULL},
     .what = "SummEval head-to-head with expert scores",
     .read = read_summeval},
    {.known = {"news_pairwise",
               ROWS_JSON,
               {"article_id", "writer_id", "article_text", "overall_writer_better"},
               NULL},
     .what = "news summaries, one vote a record",
     .read_files = read_news_files},
    {.known = {"squality", ROWS_JSON, {"passage-id", "questions"}, NULL},
     .what = "SQuALITY: the responses file and the stories file",
     .read_files = read_squality_files},
    {.known = {"squality", ROWS_JSON, {"metadata", "document", "questions"}, NULL},
     .what = "SQuALITY's stories",
     .read_files = read_squality_files},
    {.known = {"csv", ROWS_CSV, {NULL}, check_own_columns},
     .what = "CSV or TSV, columns named by context= a= b= choice=",
     .read = read_columns},
    {.known = {"jsonl", ROWS_JSON, {NULL}, NULL},
     .what = "JSON objects, keys named by context= a= b= choice=",
     .read = read_columns},
    {.known = {"openai_axis", ROWS_JSON, {"info", "summary"}, NULL},
     .refuse = "one summary with ratings a record, no second response: no pairs",
     .instead = "take the comparisons of the same release"},
    {.known = {"openai_posts", ROWS_JSON, {"id", "subreddit", "post", "summary"}, NULL},
     .refuse = "posts with one summary each: no pairs",
     .instead = "use import posts"},
    {.known = {"scitldr", ROWS_JSON, {"source", "target", "paper_id"}, NULL},
     .refuse = "papers with reference summaries: no pairs",
     .instead = "use import posts"},
    {.known = {"cai_samples", ROWS_JSON, {"rl_prompt", "sampled_answers"}, NULL},
     .refuse = "sampled answers with scores, never compared: no pairs"},
    {.known = {"hhh_ab", ROWS_JSON, {"prompt", "corrects", "incorrects"}, NULL},
     .refuse = "one transcript and two fixed answers a record (there is no "
               "text_correct): no pairs"},
    {.known = {"judgebench_scores", ROWS_JSON, {"pair_id", "scores"}, NULL},
     .refuse = "scores without texts: no pairs",
     .instead = "import the pairs they belong to"},
    {.known =
         {"summeval_annotations", ROWS_JSON, {"decoded", "expert_annotations"}, NULL},
     .refuse = "one summary with ratings a record: no pairs",
     .instead = "take the files of comp_data"},
    {.known = {"summeval_verdicts", ROWS_JSON, {"id", "resp", "human_score_1"}, NULL},
     .refuse = "a judge's answers without texts: no pairs",
     .instead = "import the pairs, then import verdicts"},
    {.known = {"pandalm_verdicts", ROWS_JSON, {"idx", "gpt_result"}, NULL},
     .refuse = "a judge's answers without texts: no pairs",
     .instead = "import the pairs, then import verdicts"},
    {.known = {"pandalm_verdicts", ROWS_JSON, {"idx", "pandalm_result"}, NULL},
     .refuse = "a judge's answers without texts: no pairs",
     .instead = "import the pairs, then import verdicts"},
    {.known = {"hh_verdicts", ROWS_JSON, {"id", "model_answer", "groundtruth"}, NULL},
     .refuse = "a judge's answers without texts: no pairs",
     .instead = "import the pairs, then import verdicts"},
};
const size_t n_pair_formats = sizeof pair_formats / sizeof *pair_formats;

bool import_format_info(size_t i, const char **name, const char **what)
{
    for (size_t k = 0; k < n_pair_formats; k++) {
        const struct format *format = &pair_formats[k];
        bool again = k > 0 && !strcmp(format->known.name,
                                      format[-1].known.name); // a part or a second shape
        if (format->refuse || again)
            continue;
        if (i-- == 0) {
            *name = format->known.name;
            *what = format->what;
            return true;
        }
    }
    return false;
}
