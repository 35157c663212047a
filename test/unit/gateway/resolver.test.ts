import { describe, expect, test } from "vitest";
import { resolverConfiguration } from "../../../src/gateway/resolver.ts";

const router = { host: "federation-router.corp.svc.cluster.local", port: 5269 };
const upstream = { host: "ejabberd.corp.svc.cluster.local", port: 5269 };

describe("configuration of the resolver", () => {
	test("names", async () => {
		const text = resolverConfiguration({
			image: "coredns",
			router,
			local: [
				{ domain: "example.lab", upstream },
				{ domain: "conference.example.lab", upstream },
			],
		});
		await expect(text).toMatchFileSnapshot("golden/resolver.Corefile");
	});

	test("addresses", async () => {
		const text = resolverConfiguration({
			image: "coredns",
			router: { host: "10.1.2.3", port: 15269 },
			local: [
				{ domain: "example.lab", upstream: { host: "fd00::5", port: 5269 } },
				{ domain: "conference.example.lab", upstream: { host: "fd00::5", port: 5269 } },
			],
		});
		await expect(text).toMatchFileSnapshot("golden/resolver-addresses.Corefile");
	});

	test.each(["a b", "a\n}", 'a"', "a{", "", "a..b", "-a", "a-"])("%j is no name", (host) => {
		const expected = `${JSON.stringify(host)} is no DNS name`;
		expect(() => resolverConfiguration({ image: "", router: { host, port: 1 }, local: [] })).toThrow(expected);
		expect(() => resolverConfiguration({ image: "", router, local: [{ domain: host, upstream }] })).toThrow(expected);
	});
});
