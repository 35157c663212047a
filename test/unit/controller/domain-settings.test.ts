import { expect, test } from "vitest";
import { domainOf } from "../../../src/controller/caches.ts";
import { DomainSettings } from "../../../src/controller/domain-settings.ts";
import type { KubernetesObject, Observed } from "../../../src/kubernetes/object.ts";
import { Store } from "../../../src/kubernetes/store.ts";
import { base64, modelled, sample } from "../fixtures/federation.ts";

const model = modelled(sample("smallest"));
const { intent, secrets } = model;
const looser = modelled(
	sample("smallest", (spec) => Object.assign(spec, { security: { mode: "TLSOptional" } })),
).intent;

function stage() {
	const woken: string[] = [];
	const store = new Store<KubernetesObject>(() => {}, domainOf);
	let version = 0;
	const add = (name: string, domain: string): Observed => {
		version += 1;
		const metadata = {
			name,
			namespace: "chat",
			uid: name,
			resourceVersion: String(version),
			creationTimestamp: `2026-01-01T00:00:${String(version).padStart(2, "0")}Z`,
		};
		const object = { apiVersion: "xmppfed.dev/v1alpha1", kind: "XmppFederation", metadata, spec: { domain } };
		store.upsert(object);
		return object;
	};
	const settings = new DomainSettings(store, (key) => void woken.push(key));
	return { add, store, settings, woken: () => woken.splice(0) };
}

test("those of one domain are compared and woken, and nobody else", () => {
	const { add, settings, woken } = stage();
	const [a, b, c] = [add("a", "Example.com"), add("b", "example.com"), add("c", "other.example")];
	settings.note(a, intent, secrets);
	expect(settings.compare("chat/a")).toEqual([{ federation: "chat/b", differences: "NotRead" }]);
	settings.note(c, intent, secrets);
	settings.note(b, intent, secrets);
	expect(woken()).toEqual(["chat/b", "chat/a"]);
	expect(settings.compare("chat/a")).toEqual([{ federation: "chat/b", differences: [] }]);
	expect(settings.compare("chat/c")).toEqual([]);

	settings.note(b, intent, secrets);
	expect(woken()).toEqual([]);
	settings.note(b, looser, secrets);
	expect(woken()).toEqual(["chat/a"]);
	expect(settings.compare("chat/a")).toEqual([{ federation: "chat/b", differences: ["spec.security.mode"] }]);

	settings.noteUnaccepted(b);
	expect(woken()).toEqual(["chat/a"]);
	expect(settings.compare("chat/a")).toEqual([{ federation: "chat/b", differences: "NotAccepted" }]);
});

test("a dialback secret that differs is told", () => {
	const { add, settings } = stage();
	settings.note(add("a", "example.com"), intent, secrets);
	settings.note(add("b", "example.com"), intent, { ...secrets, dialback: base64("another") });
	expect(settings.compare("chat/a")).toEqual([
		{ federation: "chat/b", differences: ["spec.security.dialback.secretRef"] },
	]);
});

test("the others of one that goes are told, and see it no more", () => {
	const { add, store, settings, woken } = stage();
	const [a, b] = [add("a", "example.com"), add("b", "example.com")];
	settings.note(a, intent, secrets);
	settings.note(b, intent, secrets);
	woken();
	store.remove({ ...b, metadata: { ...b.metadata, resourceVersion: "9" } });
	settings.release("chat/b");
	expect(woken()).toEqual(["chat/a"]);
	expect(settings.compare("chat/a")).toEqual([]);
});

test("of very many only the oldest count", () => {
	const { add, settings, woken } = stage();
	for (let index = 0; index < 20; index++) settings.note(add(`f-${index}`, "example.com"), intent, secrets);
	woken();
	settings.note(add("last", "example.com"), looser, secrets);
	expect(woken()).toHaveLength(16);
	expect(settings.compare("chat/f-0")).toHaveLength(16);
});
