/** Longest text that is quoted, in characters. */
const longest = 64;

/** What somebody wrote, in a message of one line. */
export function quoted(text: string): string {
	return JSON.stringify(text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
}
