/* The members of a node, in one table: what copying, reading and printing go by. */
#ifndef TGL_GRAPH_MEMBER_H
#define TGL_GRAPH_MEMBER_H

#include "graph/graph.h"

/* Which members an operator has; one bit a group of members that come together. */
typedef enum tgl__member_group {
    TGL__HAS_SCALING = 1,
    TGL__HAS_WEIGHTS = 1 << 1, /* rows of weights, with order */
    TGL__HAS_TERM = 1 << 2,
    TGL__HAS_ACC = 1 << 3,
    TGL__HAS_THRESHOLD = 1 << 4,
    TGL__HAS_SOFTMAX = 1 << 5,
    TGL__HAS_SCALE = 1 << 6,
    TGL__HAS_BEGIN = 1 << 7,
    TGL__HAS_CODES = 1 << 8,
    TGL__HAS_INDICES = 1 << 9,
    TGL__HAS_RELATION = 1 << 10,
    TGL__HAS_FACTORS = 1 << 11, /* one weight an element, with bias */
    TGL__HAS_SHIFTS = 1 << 12,
    TGL__HAS_LOOKUP = 1 << 13,
    TGL__HAS_GROUP = 1 << 14,
    TGL__HAS_KIND = 1 << 15
} tgl__member_group;

typedef enum tgl__member_kind {
    TGL__CODES,   /* const int64_t *, `count` of them */
    TGL__MATRIX,  /* the same, in rows of fan_in */
    TGL__INDICES, /* const uint32_t *; all ones is -1 in text */
    TGL__TYPE,
    TGL__QUANT,
    TGL__FLAG,   /* uint8_t, false or true */
    TGL__NUMBER, /* uint32_t */
    TGL__BOUNDS, /* two int32_t */
    TGL__LOOKUP_TABLE
} tgl__member_kind;

/* How many entries an array has. */
typedef enum tgl__member_count {
    TGL__PER_ELEMENT,
    TGL__PER_ROW_ELEMENT, /* n_element / rows */
    TGL__PER_FAN_IN,
    TGL__PER_WEIGHT /* n_element / rows times fan_in */
} tgl__member_count;

typedef struct tgl__member {
    const char *key;
    tgl__member_kind kind;
    tgl__member_count count;
    unsigned groups;    /* operators of any of these groups have it */
    size_t field;       /* offset in tgl_node */
    size_t only_with;   /* offset of a flag or pointer without which it is not there */
    size_t slot;        /* offset of the flag that makes it writable; 0: never */
    bool may_be_absent; /* an array that may be NULL, a number that may be `absent` */
    uint32_t absent;    /* ... and then is this */
} tgl__member;

extern const tgl__member tgl__members[];
extern const size_t tgl__n_member;

/* Whether a node of this operator has the member at all. */
bool tgl__has_member(const tgl_node *node, const tgl__member *member);
/* ... and whether its conditions (only_with) hold. */
bool tgl__member_applies(const tgl_node *node, const tgl__member *member);
/* Entries of an array member; false when the node's counts do not divide. */
bool tgl__member_size(size_t *out, const tgl_graph *graph, const tgl_node *node,
                      const tgl__member *member);
static inline void *tgl__field(tgl_node *node, size_t field)
{
    return (char *)node + field;
}
static inline const void *tgl__const_field(const tgl_node *node, size_t field)
{
    return (const char *)node + field;
}
static inline bool tgl__is_slot(const tgl_node *node, const tgl__member *member)
{
    return member->slot != 0 && *(const uint8_t *)tgl__const_field(node, member->slot);
}

#endif
