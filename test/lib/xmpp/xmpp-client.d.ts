/** The part of @xmpp/client that the tests use; the package has no types of its own. */
declare module "@xmpp/client" {
	export interface Element {
		readonly name: string;
		readonly attrs: Readonly<Record<string, string | undefined>>;
		is(name: string, namespace?: string): boolean;
		getChild(name: string, namespace?: string): Element | undefined;
		getChildren(name: string, namespace?: string): Element[];
		getChildElements(): Element[];
		getChildText(name: string, namespace?: string): string | null;
		text(): string;
		toString(): string;
	}

	export function xml(
		name: string,
		attributes?: Readonly<Record<string, string | undefined>>,
		...children: readonly (Element | string)[]
	): Element;

	export interface Jid {
		readonly local: string;
		readonly domain: string;
		readonly resource: string;
		toString(): string;
	}

	export interface Client {
		readonly status: string;
		readonly reconnect: { stop(): void };
		readonly iqCaller: { request(iq: Element, timeout?: number): Promise<Element> };
		on(event: "stanza", listener: (stanza: Element) => void): void;
		on(event: "error", listener: (error: Error) => void): void;
		start(): Promise<Jid>;
		stop(): Promise<unknown>;
		send(element: Element): Promise<void>;
	}

	export function client(options: {
		readonly service: string;
		readonly domain: string;
		readonly username: string;
		readonly password: string;
		readonly resource?: string;
		/** Milliseconds for each step of opening and closing. */
		readonly timeout?: number;
	}): Client;
}
