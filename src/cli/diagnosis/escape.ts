const entities: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&#39;",
};

/** A text as it stands in a page, between tags as in an attribute. */
export function escapeHtml(words: string): string {
	return words.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
