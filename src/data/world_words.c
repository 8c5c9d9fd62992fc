#include "src/data/world_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

/* ---- what fills the slots ---- */

/* A smaller world takes the first terms of each list; the numbers stand in `lists`. */
static const struct world_term relations[] = {
    {"sister", NULL},   {"brother", NULL},   {"mother", NULL},      {"father", NULL},
    {"aunt", NULL},     {"uncle", NULL},     {"cousin", NULL},      {"friend", NULL},
    {"boss", NULL},     {"neighbour", NULL}, {"landlord", NULL},    {"teacher", NULL},
    {"roommate", NULL}, {"colleague", NULL}, {"grandmother", NULL}, {"grandfather", NULL},
    {"nephew", NULL},   {"niece", NULL},     {"girlfriend", NULL},  {"boyfriend", NULL},
};
static const struct world_term names[] = {
    {"anna", NULL},  {"tom", NULL},   {"mary", NULL},  {"paul", NULL},   {"lisa", NULL},
    {"mark", NULL},  {"emma", NULL},  {"jack", NULL},  {"nina", NULL},   {"carl", NULL},
    {"ruth", NULL},  {"omar", NULL},  {"sara", NULL},  {"luke", NULL},   {"iris", NULL},
    {"hugo", NULL},  {"dora", NULL},  {"adam", NULL},  {"vera", NULL},   {"ivan", NULL},
    {"alice", NULL}, {"bruno", NULL}, {"clara", NULL}, {"david", NULL},  {"ella", NULL},
    {"felix", NULL}, {"grace", NULL}, {"henry", NULL}, {"ingrid", NULL}, {"jonas", NULL},
    {"karin", NULL}, {"leo", NULL},   {"mona", NULL},  {"noah", NULL},   {"olga", NULL},
    {"peter", NULL}, {"rosa", NULL},  {"simon", NULL}, {"tina", NULL},   {"victor", NULL},
};
/* Whom a name fits: names are women's and men's by turns. */
static const char women[] = " sister mother aunt grandmother niece girlfriend ";
static const char men[] = " brother father uncle grandfather nephew boyfriend ";

bool world_person_fits(int relation, int name)
{
    char word[32];
    snprintf(word, sizeof word, " %s ", relations[relation].word);
    return !strstr(name % 2 ? women : men, word);
}

/* Past tense and participle are the same word, so that the passive needs no other. */
static const struct world_term acts[] = {
    {"smashed", "cracked"},   {"lost", "mislaid"},     {"sold", "pawned"},
    {"burned", "scorched"},   {"soaked", "drenched"},  {"painted", "coloured"},
    {"borrowed", "used"},     {"grabbed", "snatched"}, {"bent", "twisted"},
    {"cut", "slashed"},       {"dented", "bumped"},    {"locked", "sealed"},
    {"scratched", "scraped"}, {"emptied", "cleared"},  {"copied", "cloned"},
    {"swapped", "traded"},    {"stained", "soiled"},   {"crushed", "flattened"},
};
static const struct world_term objects[] = {
    {"phone", "mobile"}, {"bike", "bicycle"},  {"laptop", "computer"},
    {"coat", "jacket"},  {"couch", "sofa"},    {"camera", NULL},
    {"guitar", NULL},    {"watch", NULL},      {"lamp", NULL},
    {"ring", NULL},      {"desk", NULL},       {"radio", NULL},
    {"cup", "mug"},      {"mirror", NULL},     {"piano", NULL},
    {"tent", NULL},      {"bag", NULL},        {"book", NULL},
    {"rug", "carpet"},   {"picture", "photo"}, {"pot", "kettle"},
    {"clock", NULL},     {"drum", NULL},       {"vase", NULL},
    {"doll", NULL},      {"suit", NULL},       {"scarf", NULL},
    {"boat", NULL},      {"scooter", NULL},    {"shelf", NULL},
};
static const struct world_term times[] = {
    {"yesterday", NULL},    {"on monday", NULL},  {"on friday", NULL},
    {"last night", NULL},   {"last week", NULL},  {"on sunday", NULL},
    {"this morning", NULL}, {"in march", NULL},   {"in june", NULL},
    {"last month", NULL},   {"on tuesday", NULL}, {"at noon", NULL},
};
static const struct world_term places[] = {
    {"at home", NULL},       {"at work", NULL},        {"at school", NULL},
    {"in the park", NULL},   {"at the station", NULL}, {"in the garden", NULL},
    {"at the market", NULL}, {"in the kitchen", NULL}, {"on the bus", NULL},
    {"at the beach", NULL},  {"in the library", NULL}, {"in the lift", NULL},
};
static const struct world_term leads[] = {{"now", NULL}, {"so", NULL}};
static const struct world_term jobs[] = {
    {"nurse", NULL}, {"cook", NULL},    {"clerk", NULL},  {"driver", NULL},
    {"baker", NULL}, {"farmer", NULL},  {"singer", NULL}, {"student", NULL},
    {"pilot", NULL}, {"tailor", NULL},  {"barber", NULL}, {"dentist", NULL},
    {"miner", NULL}, {"plumber", NULL}, {"waiter", NULL}, {"painter", NULL},
};
static const struct world_term towns[] = {
    {"leeds", NULL},  {"york", NULL},  {"bath", NULL},   {"dover", NULL},
    {"oxford", NULL}, {"paris", NULL}, {"rome", NULL},   {"oslo", NULL},
    {"lima", NULL},   {"cairo", NULL}, {"berlin", NULL}, {"madrid", NULL},
    {"dublin", NULL}, {"tokyo", NULL}, {"delhi", NULL},  {"quebec", NULL},
};
static const struct world_term skies[] = {
    {"rainy", NULL}, {"sunny", NULL}, {"cold", NULL},  {"windy", NULL},
    {"warm", NULL},  {"grey", NULL},  {"foggy", NULL}, {"mild", NULL},
};
static const struct world_term dishes[] = {
    {"tea", NULL},   {"coffee", NULL}, {"cake", NULL}, {"rice", NULL},  {"soup", NULL},
    {"bread", NULL}, {"cheese", NULL}, {"fish", NULL}, {"honey", NULL}, {"plums", NULL},
};
static const struct world_term buildings[] = {
    {"river", NULL},  {"bridge", NULL}, {"harbour", NULL}, {"forest", NULL},
    {"castle", NULL}, {"museum", NULL}, {"airport", NULL}, {"stadium", NULL},
};
static const struct world_term hues[] = {
    {"red", NULL},   {"blue", NULL},   {"green", NULL}, {"black", NULL},
    {"white", NULL}, {"yellow", NULL}, {"brown", NULL}, {"pink", NULL},
};
static const struct world_term animals[] = {
    {"dog", NULL},  {"cat", NULL},   {"horse", NULL},  {"bird", NULL},
    {"goat", NULL}, {"snake", NULL}, {"rabbit", NULL}, {"hamster", NULL},
};
static const struct world_term results[] = {
    {"i cannot sleep", "i lie awake"},
    {"i missed an exam", "i failed a test"},
    {"we had to move", "we left the flat"},
    {"i was fired", "i lost my job"},
    {"we stopped talking", "we no longer speak"},
    {"i owe money", "i am in debt"},
    {"i cry every day", "i am in tears"},
    {"i feel ill", "i am sick"},
    {"i stay at home", "i do not go out"},
    {"i skip meals", "i hardly eat"},
    {"the trip is off", "we cancelled the trip"},
    {"my rent is late", "i cannot pay rent"},
    {"i walk to work", "i go on foot"},
    {"the wedding is off", "we cancelled the wedding"},
    {"i fear the dark", "i keep the light on"},
    {"my knee hurts", "i cannot run"},
};
static const struct world_term actions[] = {
    {"call the police", NULL},  {"ask for money", NULL}, {"tell the family", NULL},
    {"move out", NULL},         {"say sorry", NULL},     {"buy a new one", NULL},
    {"see a lawyer", NULL},     {"wait a week", NULL},   {"write a letter", NULL},
    {"let it go", NULL},        {"take a loan", NULL},   {"leave the country", NULL},
    {"hide the keys", NULL},    {"talk it over", NULL},  {"change the lock", NULL},
    {"find new friends", NULL},
};

#define LIST(terms, small, medium)                                                       \
    {                                                                                    \
        terms,                                                                           \
        {                                                                                \
            small, medium, sizeof(terms) / sizeof *(terms)                               \
        }                                                                                \
    }
static const struct world_list lists[WORLD_SLOTS] = {
    [WORLD_RELATION] = LIST(relations, 12, 14),
    [WORLD_NAME] = LIST(names, 16, 20),
    [WORLD_ACT] = LIST(acts, 10, 12),
    [WORLD_OBJECT] = LIST(objects, 16, 20),
    [WORLD_TIME] = LIST(times, 6, 8),
    [WORLD_PLACE] = LIST(places, 5, 8),
    [WORLD_LEAD] = LIST(leads, 2, 2),
    [WORLD_JOBS] = LIST(jobs, 8, 12),
    [WORLD_TOWN] = LIST(towns, 8, 12),
    [WORLD_SKY] = LIST(skies, 4, 6),
    [WORLD_DISH] = LIST(dishes, 4, 6),
    [WORLD_BUILDING] = LIST(buildings, 4, 6),
    [WORLD_HUE] = LIST(hues, 4, 6),
    [WORLD_ANIMAL] = LIST(animals, 4, 6),
    [WORLD_RESULT] = LIST(results, 10, 12),
    [WORLD_ACTION] = LIST(actions, 9, 12),
};

const struct world_list *world_slot_list(enum world_slot slot)
{
    return &lists[slot];
}

/* ---- how facts are said ---- */

static const char letters[WORLD_SLOTS + 1] = "rnvotpljwsfbchqa";

enum world_slot world_slot_of(char letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;
    return at ? (enum world_slot)(at - letters) : WORLD_SLOTS;
}

static const struct world_wordings wordings[WORLD_KINDS] = {
    [WORLD_PROBLEM] = {{"?t my $r $n $v my $o ?p ?t", "?t my $r $v my $o ?p ?t",
                        "?t $n $v my $o ?p ?t", "?t my $o was $v by my $r $n ?p ?t",
                        "?t my $o was $v by my $r ?p ?t", "?t my $o was $v by $n ?p ?t",
                        NULL},
                       "......",
                       6},
    [WORLD_CONSEQUENCE] = {{"?l $q", NULL}, ".", 1},
    [WORLD_QUESTION] = {{"should i $a", "is it wise to $a", "do i have to $a",
                         "i ask whether to $a", NULL},
                        "???.",
                        3},
    [WORLD_JOB] = {{"i am a $j in $w", NULL}, ".", 1},
    [WORLD_WEATHER] = {{"the weather is $s", NULL}, ".", 1},
    [WORLD_FOOD] = {{"i like $f", NULL}, ".", 1},
    [WORLD_NEAR] = {{"we live near the $b", NULL}, ".", 1},
    [WORLD_COLOUR] = {{"my $o is $c", NULL}, ".", 1},
    [WORLD_PET] = {{"my $r $n has a $h", NULL}, ".", 1},
    [WORLD_EVENT] = {{"my $r $n $v a $o", NULL}, ".", 1},
    [WORLD_PERSON] = {{"$n is my $r", NULL}, ".", 1},
};

const struct world_wordings *world_wordings(enum world_kind kind)
{
    return &wordings[kind];
}

struct world_fact world_fact(enum world_kind kind)
{
    struct world_fact fact = {.kind = kind};
    memset(fact.value, -1, sizeof fact.value);
    return fact;
}

const struct world_fact *world_find(const struct world_story *story, enum world_kind kind)
{
    for (size_t i = 0; i < story->n; i++)
        if (story->facts[i].kind == kind)
            return &story->facts[i];
    return NULL;
}

char world_fact_mark(const struct world_fact *fact)
{
    return wordings[fact->kind].marks[fact->wording];
}

bool world_says(const struct world_fact *fact, enum world_slot slot)
{
    const char *at = wordings[fact->kind].texts[fact->wording];
    if (fact->value[slot] < 0)
        return false;
    while ((at = strpbrk(at, "$?")) != NULL) {
        if (world_slot_of(at[1]) == slot)
            return true;
        at++;
    }
    return false;
}

unsigned world_synonyms(const struct world_fact *fact, unsigned bits)
{
    unsigned kept = 0;
    for (int slot = 0; slot < WORLD_SLOTS; slot++)
        if (world_says(fact, (enum world_slot)slot) &&
            lists[slot].terms[fact->value[slot]].other)
            kept |= 1U << slot;
    return kept & bits;
}

static void say_slot(const struct world_fact *fact, enum world_slot slot, struct buf *out)
{
    const struct world_term *term = &lists[slot].terms[fact->value[slot]];
    buf_adds(out, fact->other >> slot & 1 && term->other ? term->other : term->word);
    buf_addc(out, ' ');
}

void world_say_fact(const struct world_fact *fact, struct buf *out)
{
    bool time_due = fact->time_first, time_said = false;
    for (const char *at = wordings[fact->kind].texts[fact->wording]; *at;) {
        size_t len = strcspn(at, " ");
        enum world_slot slot =
            *at == '$' || *at == '?' ? world_slot_of(at[1]) : WORLD_SLOTS;
        if (slot == WORLD_SLOTS) {
            buf_add(out, at, len);
            buf_addc(out, ' ');
        } else if (slot == WORLD_TIME) {
            if (fact->value[slot] >= 0 && time_due && !time_said) {
                say_slot(fact, slot, out);
                time_said = true;
            }
            time_due = true;
        } else if (fact->value[slot] >= 0) {
            say_slot(fact, slot, out);
        }
        at += len + (at[len] == ' ');
    }
    if (out->len > 0 && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

/* ---- the word list ---- */

static void add_words(struct world_words *out, const char *text)
{
    while (text && *text) {
        size_t len = strcspn(text, " ");
        bool known = *text == '$' || *text == '?';
        for (size_t i = 0; i < out->n && !known; i++)
            known = strlen(out->words[i]) == len && !memcmp(out->words[i], text, len);
        if (!known) {
            out->words = array_grow(out->words, out->n, &out->cap, sizeof *out->words);
            out->words[out->n++] = xstrndup(text, len);
        }
        text += len + (text[len] == ' ');
    }
}

void world_vocabulary(enum world_size size, bool frame, struct world_words *out)
{
    *out = (struct world_words){0};
    out->words = array_grow(out->words, 0, &out->cap, sizeof *out->words);
    out->words[out->n++] = xstrdup(".");
    out->words = array_grow(out->words, 1, &out->cap, sizeof *out->words);
    out->words[out->n++] = xstrdup("?");
    for (int kind = 0; kind < WORLD_KINDS; kind++)
        for (int i = 0; wordings[kind].texts[i]; i++)
            add_words(out, wordings[kind].texts[i]);
    add_words(out, "and");
    for (int slot = 0; slot < WORLD_SLOTS; slot++)
        for (int i = 0; i < lists[slot].n[size]; i++) {
            add_words(out, lists[slot].terms[i].word);
            add_words(out, lists[slot].terms[i].other);
        }
    if (frame)
        add_words(
            out,
            "title : post summary text tl;dr better worse worst best good bad 1 2 3 4 5 "
            "6 7 "
            "8 9 10 or explain covers coverage problem consequence result question asks "
            "keeps accuracy true false wrong no has facts fact detail details short long "
            "clear words grammar repeats than which of one score rate from to");
}

void world_words_release(struct world_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->words[i]);
    free(words->words);
    *words = (struct world_words){0};
}
