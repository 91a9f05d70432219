/*
 * Unit tests of what reads a request byte by byte; prints TAP. Built by parts.t with the address and undefined
 * behaviour sanitizers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/args_text.h"
#include "http/multipart_parts.h"

static int ntests;

/* Prints one TAP line. */
static void
ok(bool good, const char *what, const char *value)
{
	printf("%sok %d - %s", good ? "" : "not ", ++ntests, what);
	for (; *value != '\0'; value++)
	{
		unsigned char c = (unsigned char) *value;

		if (c < 0x20 || c > 0x7e || c == '#')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\n');
}

/* Percent escapes: expected NULL = malformed. */
static void
test_unescape(void)
{
	static const struct
	{
		const char *text;
		bool plus;
		const char *expected;
	} cases[] = {
		{"", true, ""},
		{"abc", true, "abc"},
		{"a+b", true, "a b"},
		{"a+b", false, "a+b"},
		{"%41%62%7a", true, "Abz"},
		{"%e4%B8%ad", true, "\xe4\xb8\xad"},
		{"%2B%26%3d%25", true, "+&=%"},
		{"%ff", true, "\xff"},
		{"%", true, NULL},
		{"%4", true, NULL},
		{"a%4", true, NULL},
		{"%4g", true, NULL},
		{"%g4", true, NULL},
		{"%%41", true, NULL},
		{"%00", true, NULL},
		{"a%00b", false, NULL},
		{"% 1", true, NULL},
		{"%-1", true, NULL},
		{"%u4e2d", true, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t length = strlen(cases[i].text);
		char *out = malloc(length + 1);
		long n = wf_args_unescape(cases[i].text, length, cases[i].plus, out);

		ok(cases[i].expected == NULL
			   ? n == -1
			   : n == (long) strlen(cases[i].expected) && strcmp(out, cases[i].expected) == 0,
		   "unescape ", cases[i].text);
		free(out);
	}
}

/* Pairs as "name>value;". */
static void
test_pairs(void)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"a=1", "a>1;"},
		{"a=1&b=2", "a>1;b>2;"},
		{"a", "a>;"},
		{"a=", "a>;"},
		{"=1", ">1;"},
		{"=", ">;"},
		{"&&a=1&&&b&", "a>1;b>;"},
		{"a=b=c", "a>b=c;"},
		{"a=1&a=2&a=3", "a>1;a>2;a>3;"},
		{"a;b=1", "a;b>1;"},
		{"&", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char seen[256] = "";
		const char *next = cases[i][0];
		WfSpan name;
		WfSpan value;

		while (wf_args_next_pair(&next, &name, &value))
			sprintf(seen + strlen(seen), "%.*s>%.*s;", (int) name.length, name.data,
					(int) value.length, value.data);
		ok(strcmp(seen, cases[i][1]) == 0, "pairs of ", cases[i][0]);
	}
}

/* What a JSON text would cost. */
static void
test_cost(void)
{
	static const struct
	{
		const char *text;
		size_t depth;
		size_t values;
		size_t longest;
		bool has_exponent;
		bool has_nul;
	} cases[] = {
		{"", 0, 1, 0, false, false},
		{"{\"a\":[1,22,{\"b\":-3.5}]}", 3, 6, 4, false, false},
		{"]]][", 1, 2, 0, false, false},
		{"\"[[[[,,,1e5\"", 0, 1, 0, false, false},
		{"\"\\\"[\" ", 0, 1, 0, false, false},
		{"[true,false,null]", 1, 4, 0, false, false},
		{"1e5", 0, 1, 3, true, false},
		{"[-1E+10]", 1, 2, 6, true, false},
		{"\"\\u0000\"", 0, 1, 0, false, true},
		{"\"\\\\u0000\"", 0, 1, 0, false, false},
		{"\"\\\\\\u0000\"", 0, 1, 0, false, true},
		{"\\u0000", 0, 1, 4, false, false},
		{"\"\\u000\"", 0, 1, 0, false, false},
		{"\"\\", 0, 1, 0, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		WfJsonCost cost = wf_args_json_cost(cases[i].text, strlen(cases[i].text));

		ok(cost.depth == cases[i].depth && cost.values == cases[i].values &&
			   cost.longest == cases[i].longest && cost.has_exponent == cases[i].has_exponent &&
			   cost.has_nul == cases[i].has_nul,
		   "cost of ", cases[i].text);
	}
}

static void
test_drop_nuls(void)
{
	static const char *const cases[][2] = {
		{"\"a\\u0000b\"", "\"ab\""},
		{"\"\\u0000\\u0000\"", "\"\""},
		{"\"\\\\u0000\"", "\"\\\\u0000\""},
		{"\"\\\\\\u0000\"", "\"\\\\\""},
		{"{\"a\\u0000\":\"\\u0001\"}", "{\"a\":\"\\u0001\"}"},
		{"\\u0000", "\\u0000"},
		{"\"\\", "\"\\"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char text[64];
		size_t n;

		strcpy(text, cases[i][0]);
		n = wf_args_drop_json_nuls(text, strlen(text));
		ok(n == strlen(cases[i][1]) && memcmp(text, cases[i][1], n) == 0, "no NULs in ",
		   cases[i][0]);
	}
}

#define TYPE	"multipart/form-data"
#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"

/* Boundaries: expected NULL = none. */
static void
test_boundary(void)
{
	static const char *const cases[][2] = {
		{TYPE "; boundary=abc", "abc"},
		{TYPE ";boundary=abc;charset=utf-8", "abc"},
		{" MULTIPART/form-DATA ; charset=\"x;boundary=no\"; Boundary=\"a b\"", "a b"},
		{TYPE "; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
		 "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
		{TYPE "; boundary==_=", "=_="},
		{TYPE "; boundary=\"a'()+_,-./:=?\"", "a'()+_,-./:=?"},
		{TYPE "; boundary=" SEVENTY, SEVENTY},
		{TYPE "; boundary=" SEVENTY "x", NULL},
		{TYPE "; boundary=a;", "a"},
		{TYPE "; boundary=", NULL},
		{TYPE "; boundary=\"\"", NULL},
		{TYPE "; boundary=\"a", NULL},
		{TYPE "; boundary=\"a \"", NULL},
		{TYPE "; boundary=a\"b", NULL},
		{TYPE "; boundary=a; boundary=a", NULL},
		{TYPE "; boundary=a b", NULL},
		{TYPE "; boundary=\"a@b\"", NULL},
		{TYPE "; boundary=\xe4\xb8\xad", NULL},
		{TYPE "; boundary = a", NULL},
		{TYPE, NULL},
		{TYPE "x; boundary=a", NULL},
		{"multipart/mixed; boundary=a", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char boundary[WF_MULTIPART_MAX_BOUNDARY + 1];
		bool found = wf_multipart_boundary(cases[i][0], boundary);

		ok(cases[i][1] == NULL ? !found : found && strcmp(boundary, cases[i][1]) == 0,
		   "boundary of ", cases[i][0]);
	}
	ok(!wf_multipart_is(NULL), "no content type is not multipart", "");
}

#define CD	  "Content-Disposition: form-data; name="
#define FILE_ CD "\"file\"; filename=\"a.csv\"\r\n\r\n"

/* Parts as "name|filename|data;", - for no file name; the boundary is b. A status stands as its number. */
static const char *const bodies[][2] = {
	{"--b--", ""},
	{"--b--\r\n", ""},
	{"--b\r\n" FILE_ "1,2\r\n--b--\r\n", "file|a.csv|1,2;"},
	{"\r\n--b\r\n" FILE_ "1\r\n--b--", "file|a.csv|1;"},
	{"preamble\r\n--b \t\r\n" FILE_ "1\r\n--b-- \r\nepilogue --b", "file|a.csv|1;"},
	{"--b\r\n" CD "x\r\n\r\n1\r\n--b\r\n" CD "y\r\n\r\n2\r\n--b--", "x|-|1;y|-|2;"},
	{"--b\r\n" FILE_ "\r\n--b--", "file|a.csv|;"},
	{"--b\r\n" CD "x\r\n\r\n--b--", "x|-|;"},
	{"--b\r\n" FILE_ "a\r\n--bb\r\n--b\n--b -\r\n--b-\r\n\r\n--b--",
	 "file|a.csv|a\r\n--bb\r\n--b\n--b -\r\n--b-\r\n;"},
	{"--b\r\n" FILE_ "--b--\r\n--b--", "file|a.csv|;"},
	{"--b\r\n" FILE_ "x\n--b--\r\n--b--", "file|a.csv|x\n--b--;"},
	{"--b\r\ncontent-disposition:FORM-data;NAME=\"a b\";x=y\r\n\r\n1\r\n--b--", "a b|-|1;"},
	{"--b\r\n" CD "\"a\\\"b\\\\c\\d\"\r\n\r\n1\r\n--b--", "a\"b\\c\\d|-|1;"},
	{"--b\r\n" CD "\"\"\r\n\r\n1\r\n--b--", "|-|1;"},
	{"--b\r\n" CD "f; filename=\"\"\r\n\r\n1\r\n--b--", "f||1;"},
	{"--b\r\n" CD "f; filename=\"C:\\dir\\a.csv\"\r\n\r\n1\r\n--b--", "f|C:\\dir\\a.csv|1;"},
	{"--b\r\n" CD "f; filename=a; filename*=UTF-8''%e4%b8%ad.csv\r\n\r\n1\r\n--b--",
	 "f|\xe4\xb8\xad.csv|1;"},
	{"--b\r\n" CD "f; filename*=utf-8'zh'a%20b; filename=\"no\"\r\n\r\n1\r\n--b--", "f|a b|1;"},
	{"--b\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: 8BIT\r\n" FILE_ "1\r\n--b--",
	 "file|a.csv|1;"},
	/* No delimiter where one must be. */
	{"", "1"},
	{"--", "1"},
	{"--b", "1"},
	{"--bx\r\n", "1"},
	{"x--b--", "1"},
	{"--b\n" CD "x\n\n1\n--b--", "1"},
	{"--b\r\n" FILE_ "1", "1"},
	{"--b\r\n" FILE_ "1\r\n--b", "1"},
	{"--b\r\n" FILE_ "1\r\n--b-", "1"},
	{"--b\r\n" FILE_ "1--b--", "1"},
	{"--b\r\n" FILE_ "1\n--b--", "1"},
	/* Headers. */
	{"--b\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x\n\n1\r\n--b--", "3"},
	{"--b\r\nX: y\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\nContent-Disposition: attachment; name=x\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\nContent-Disposition: form-data; name\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x; name=y\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x\r\n" CD "x\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "\"x\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x trailing\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x\r\n folded\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x; filename*=ISO-8859-1''a\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x; filename*=UTF-8''%0\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x; filename*=UTF-8''a%00\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "x; filename*=UTF-8'a\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\n" CD "\"a\001\"\r\n\r\n1\r\n--b--", "3"},
	{"--b\r\nContent-Transfer-Encoding: base64\r\n" FILE_ "MQ==\r\n--b--", "4"},
	{"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n" FILE_ "1\r\n--b--", "4"},
};

/* Splits a body of exact size and tells what came out. */
static void
tell_parts(const char *body, size_t length, char *out)
{
	static WfPart parts[WF_MULTIPART_MAX_PARTS];
	char *copy = malloc(length + 1);
	int count;
	WfMultipartStatus status;

	copy = realloc(copy, length > 0 ? length : 1);
	memcpy(copy, body, length);
	status = wf_multipart_split(copy, length, "b", parts, &count);
	out[0] = '\0';
	if (status != WF_MULTIPART_OK)
		sprintf(out, "%d", status);
	for (int i = 0; status == WF_MULTIPART_OK && i < count; i++)
		sprintf(out + strlen(out), "%s|%s|%.*s;", parts[i].name,
				parts[i].has_filename ? parts[i].filename : "-", (int) parts[i].length,
				parts[i].data);
	free(copy);
}

static void
test_split(void)
{
	char seen[4096];

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
	{
		tell_parts(bodies[i][0], strlen(bodies[i][0]), seen);
		ok(strcmp(seen, bodies[i][1]) == 0, "parts of ", bodies[i][0]);
	}
}

/* A body of so many parts, with so many bytes more in the headers and the names of each. */
static void
make_body(char *out, int nparts, int header_bytes, int name_bytes, int file_bytes)
{
	strcpy(out, "--b");
	for (int i = 0; i < nparts; i++)
	{
		out += strlen(out);
		out += sprintf(out, "\r\nX:%0*d\r\n", header_bytes, 0);
		out += sprintf(out, CD "%0*d; filename=%0*d\r\n\r\n1\r\n--b", name_bytes, 0, file_bytes, 0);
	}
	strcat(out, "--");
}

static void
test_limits(void)
{
	static char body[400000];
	static char seen[400000];
	int room = WF_MULTIPART_MAX_HEADER - (int) strlen("X:\r\n" CD "0; filename=0\r\n\r\n");

	make_body(body, 16, 1, 1, 1);
	tell_parts(body, strlen(body), seen);
	ok(strlen(seen) == 16 * strlen("0|0|1;"), "16 parts are read", "");
	make_body(body, 17, 1, 1, 1);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "2") == 0, "17 are too many", "");
	make_body(body, 1, room, 1, 1);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "0|0|1;") == 0, "headers of 8192 bytes are read", "");
	make_body(body, 1, room + 1, 1, 1);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "3") == 0, "one more is too many", "");
	make_body(body, 1, 1, WF_MULTIPART_MAX_NAME, WF_MULTIPART_MAX_FILENAME);
	tell_parts(body, strlen(body), seen);
	ok(strlen(seen) == WF_MULTIPART_MAX_NAME + WF_MULTIPART_MAX_FILENAME + strlen("||1;"),
	   "the longest names are read", "");
	make_body(body, 1, 1, WF_MULTIPART_MAX_NAME + 1, 1);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "3") == 0, "a longer name is refused", "");
	make_body(body, 1, 1, 1, WF_MULTIPART_MAX_FILENAME + 1);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "3") == 0, "a longer file name is refused", "");
	make_body(body, 1, 1, 1, 5000);
	tell_parts(body, strlen(body), seen);
	ok(strcmp(seen, "3") == 0, "... also one beyond any buffer", "");
}

int
main(void)
{
	test_unescape();
	test_pairs();
	test_cost();
	test_drop_nuls();
	test_boundary();
	test_split();
	test_limits();
	printf("1..%d\n", ntests);
	return 0;
}
