/*
 * file_answer.h - answers that are files: whalefall_api.file_answer (content_type, filename, body).
 *
 * Whoever carries the answer sends body as it is, under that media type and name. A function that answers so is
 * known by its result type.
 */
#ifndef WF_INVENTORY_FILE_ANSWER_H
#define WF_INVENTORY_FILE_ANSWER_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

/* The result of a function that returns file_answer: a CSV file. */
extern Datum wf_file_answer_csv(FunctionCallInfo fcinfo, const char *filename, StringInfo body);

/* "<base>_YYYYMMDD_HHMMSS.csv" of now in whalefall.timezone, palloc'd. */
extern char *wf_file_answer_name(const char *base);

#endif
