/**
 * Reads a Prosody configuration as this project writes it, and refuses everything else: what a user's text could add to
 * it (a statement, a call, a long string, code in a value) is an error here, not a setting.
 */

export type ReadValue = string | number | boolean | readonly ReadValue[] | { readonly [key: string]: ReadValue };

export interface ReadHost {
	readonly kind: "VirtualHost" | "Component";
	readonly name: string;
	/** Second text of a Component. */
	readonly type: string;
	readonly settings: Readonly<Record<string, ReadValue>>;
}

export interface ReadConfiguration {
	/** Scripts that are run, with what they are given, if anything: also those that make a setting of it. */
	readonly scripts: readonly { readonly path: string; readonly argument?: ReadValue }[];
	readonly settings: Readonly<Record<string, ReadValue>>;
	readonly hosts: readonly ReadHost[];
}

/** @throws {Error} that names the line */
export function readConfiguration(text: string): ReadConfiguration {
	const scripts: { path: string; argument?: ReadValue }[] = [];
	const settings: Record<string, ReadValue> = {};
	const hosts: (ReadHost & { settings: Record<string, ReadValue> })[] = [];
	for (const line of text.split("\n")) {
		if (line === "" || /^-- [ -~]*$/.test(line)) continue;
		const source = new Source(line);
		const host = source.take(/(VirtualHost|Component) (?=")/);
		if (host === "VirtualHost " || host === "Component ") {
			const name = source.text();
			const type = source.take(/ (?=")/) === undefined ? "" : source.text();
			hosts.push({ kind: host === "Component " ? "Component" : "VirtualHost", name, type, settings: {} });
		} else if (source.take(/RunScript\(/) !== undefined) {
			const path = source.text();
			source.need(/\)/);
			if (source.take(/\(/) === undefined) {
				scripts.push({ path });
			} else {
				scripts.push({ path, argument: source.value() });
				source.need(/\)/);
			}
		} else {
			const target = source.take(/\t/) === undefined ? settings : source.required(hosts.at(-1)?.settings);
			if (target === settings && hosts.length > 0) source.fail("a setting of the whole behind a host");
			const name = source.need(/[a-z][a-z0-9_]*(?= = )/);
			source.need(/ = /);
			if (Object.hasOwn(target, name)) source.fail("a setting that is there already");
			const script = source.take(/RunScript\(/) === undefined ? undefined : source.text();
			if (script !== undefined) source.need(/\)\(/);
			const value = source.value();
			target[name] = value;
			if (script !== undefined) {
				scripts.push({ path: script, argument: value });
				source.need(/\)/);
			}
		}
		source.end();
	}
	return { scripts, settings, hosts };
}

class Source {
	readonly #line: string;
	#rest: string;

	constructor(line: string) {
		this.#line = line;
		this.#rest = line;
	}

	fail(what: string): never {
		throw new Error(`${what}: ${JSON.stringify(this.#line)}, at ${JSON.stringify(this.#rest.slice(0, 40))}`);
	}

	required<T>(value: T | undefined): T {
		return value ?? this.fail("a setting of a host before any host");
	}

	take(pattern: RegExp): string | undefined {
		const found = new RegExp(`^(?:${pattern.source})`).exec(this.#rest)?.[0];
		if (found !== undefined) this.#rest = this.#rest.slice(found.length);
		return found;
	}

	need(pattern: RegExp): string {
		return this.take(pattern) ?? this.fail(`not ${pattern.source}`);
	}

	end(): void {
		if (this.#rest !== "") this.fail("more than one statement");
	}

	/** A string in double quotes: printable ASCII, and bytes as three decimal digits. Lua 5.4, section 3.1. */
	text(): string {
		this.need(/"/);
		const bytes: number[] = [];
		for (;;) {
			const plain = this.take(/[ !#-[\]-~]+/);
			if (plain !== undefined) bytes.push(...Buffer.from(plain, "latin1"));
			else if (this.take(/"/) !== undefined) return new TextDecoder("utf8", { fatal: true }).decode(Buffer.from(bytes));
			else bytes.push(Number(this.need(/\\(?:[01][0-9][0-9]|2[0-4][0-9]|25[0-5])/).slice(1)));
		}
	}

	value(): ReadValue {
		if (this.#rest.startsWith('"')) return this.text();
		const word = this.take(/(?:true|false|-?[0-9]+(?:\.[0-9]+)?)(?![\w.])/);
		if (word !== undefined) return word === "true" || (word === "false" ? false : Number(word));
		if (this.take(/Credential\(/) !== undefined) {
			const credential = this.text();
			this.need(/\)/);
			return { credential };
		}
		if (this.take(/\{\}/) !== undefined) return {};
		this.need(/\{ /);
		const entries: [string, ReadValue][] = [];
		const list: ReadValue[] = [];
		do {
			const key = this.#key();
			if (key === undefined) list.push(this.value());
			else entries.push([key, this.value()]);
		} while (this.take(/, /) !== undefined);
		this.need(/ \}/);
		if (entries.length > 0 && list.length > 0) this.fail("a table that is a list and a map");
		return list.length > 0 ? list : Object.fromEntries(entries);
	}

	#key(): string | undefined {
		const plain = this.take(/[A-Za-z_][A-Za-z0-9_]*(?= = )/);
		if (plain === undefined && this.take(/\[(?=")/) === undefined) return undefined;
		const key = plain ?? this.text();
		if (plain === undefined) this.need(/\]/);
		this.need(/ = /);
		return key;
	}
}
