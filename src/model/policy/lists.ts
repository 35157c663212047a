import type { Direction, Exception } from "./rules.ts";

/**
 * The exceptions of a policy as the gateways read them: one a line, a letter for the direction and the domain, in the
 * order of the domains. Several texts, because one ConfigMap has 1 MiB; equal exceptions give equal texts.
 */
export function writeLists(exceptions: ReadonlyMap<string, Pick<Exception, "directions">>): readonly string[] {
	const lists: string[] = [];
	let lines: string[] = [];
	let length = 0;
	for (const pattern of [...exceptions.keys()].toSorted()) {
		const line = `${letterOf(exceptions.get(pattern)?.directions ?? new Set())} ${pattern}\n`;
		if (length + line.length > mostListCharacters) {
			lists.push(lines.join(""));
			lines = [];
			length = 0;
		}
		lines.push(line);
		length += line.length;
	}
	return length === 0 ? lists : [...lists, lines.join("")];
}

/** Reads what {@link writeLists} wrote. @param source where the exceptions are said to stand */
export function readLists(lists: readonly string[], source: string): ReadonlyMap<string, Exception> {
	const exceptions = lists.flatMap((text) =>
		text
			.split("\n")
			.filter((line) => line !== "")
			.map((line): [string, Exception] => [line.slice(2), { directions: directionsOf(line), source }]),
	);
	return new Map(exceptions);
}

/**
 * Texts that a policy may have. With the strategy Live pods refer to all of them, whether they are there or not, and the
 * kubelet watches each; 100,000 domains of 34 characters fit.
 */
export const mostPolicyLists = 4;

/** All ASCII, so as many bytes: what a ConfigMap takes, with room for its metadata. */
export const mostListCharacters = 900_000;

const both: ReadonlySet<Direction> = new Set(["Incoming", "Outgoing"]);
const letters = { B: both, I: new Set<Direction>(["Incoming"]), O: new Set<Direction>(["Outgoing"]) } as const;

function letterOf(directions: ReadonlySet<Direction>): keyof typeof letters {
	if (directions.size === both.size) return "B";
	return directions.has("Incoming") ? "I" : "O";
}

function directionsOf(line: string): ReadonlySet<Direction> {
	if (line.startsWith("I")) return letters.I;
	return line.startsWith("O") ? letters.O : letters.B;
}

/** The directions that a field of the API names. */
export function directionsNamed(name: "Both" | Direction): ReadonlySet<Direction> {
	return name === "Both" ? letters.B : name === "Incoming" ? letters.I : letters.O;
}
