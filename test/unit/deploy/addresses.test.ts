import { describe, expect, it } from "vitest";
import { clusterNetwork, freeNetwork, hostInterface } from "../../../deploy/kind/addresses.ts";

describe("freeNetwork", () => {
	it("takes the first network where nothing is in the way", () => {
		const routes = [{ dst: "default" }, { dst: "192.0.2.0/24" }, { dst: "127.0.0.0/8" }, { dst: "fe80::/64" }];
		expect(freeNetwork(routes)?.subnet).toBe("198.18.0.0/24");
	});

	it("leaves out every network that a route overlaps, wider or narrower", () => {
		expect(freeNetwork([{ dst: "198.18.0.0/22" }, { dst: "198.18.4.7" }])?.subnet).toBe("198.18.5.0/24");
		expect(freeNetwork([{ dst: "198.18.0.255/32" }])?.subnet).toBe("198.18.1.0/24");
	});

	it("does not take a default route for a claim, however it is written", () => {
		expect(freeNetwork([{ dst: "0.0.0.0/0" }])?.subnet).toBe("198.18.0.0/24");
	});

	it("gives up where all are taken", () => {
		expect(freeNetwork([{ dst: "198.18.0.0/15" }])).toBeUndefined();
	});
});

describe("clusterNetwork", () => {
	it("keeps this machine, the nodes and LoadBalancers apart", () => {
		expect(clusterNetwork(7)).toEqual({
			subnet: "198.18.7.0/24",
			gateway: "198.18.7.1",
			nodeRange: "198.18.7.0/26",
			loadBalancerRange: "198.18.7.128-198.18.7.250",
			host: "198.18.7.254",
		});
	});
});

describe("hostInterface", () => {
	it("fits the 15 characters of an interface's name, and differs by cluster", () => {
		const names = ["a", "b"].map((name) => hostInterface({ cgroup: `xmppfed-${name.repeat(40)}` }));
		for (const name of names) expect(name.length).toBeLessThanOrEqual(15);
		expect(new Set(names).size).toBe(2);
	});
});
