/** Texts that must never get out of where they are put: Lua, shell, YAML, JSON, templates, Unicode. */
export const hostileTexts: readonly string[] = [
	`"`,
	"'",
	`"]]; os.execute("id") --[[`,
	`\\"; os.exit() --`,
	"a\nb",
	"a\r\nb",
	"\u0000",
	"\\x00",
	"]]",
	"${HOME}",
	"$(id)",
	"`id`",
	"{{ .Values.x }}",
	"%s%n",
	"../../etc/passwd",
	"<a xmlns='x'/>",
	"a b",
	" ",
	"é",
	"\u202Eexample.com",
	"example。com",
	"🙂",
	"x".repeat(2000),
];

/** 16,384 characters for the API server, twice as many UTF-16 units. */
export const longestAnnotation = "🙂".repeat(16_384);
