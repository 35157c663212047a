import { z } from "zod";
import { containsNetwork } from "./addresses.ts";
import { defaults } from "./defaults.ts";
import { setOf } from "./lists.ts";
import { keyed, labelValue, network, qualifiedName } from "./names.ts";
import { ruled } from "./rules.ts";

/** A requirement of a label selector, as Kubernetes has it. */
const matchExpression = ruled(
	z.object({
		key: qualifiedName.meta({ description: "Key of the label." }),
		operator: z
			.enum(["In", "NotIn", "Exists", "DoesNotExist"])
			.meta({ description: "How the label is compared with values." }),
		values: z
			.array(labelValue)
			.max(16)
			.meta({ description: "Values of the label: for In and NotIn only.", "x-kubernetes-list-type": "atomic" })
			.exactOptional(),
	}),
	{
		cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
		holds: ({ operator, values = [] }) => ["In", "NotIn"].includes(operator) === values.length > 0,
		message: "In and NotIn need values; Exists and DoesNotExist take none",
		field: "values",
	},
);

const labelSelector = z.object({
	matchLabels: keyed(labelValue).meta({ description: "Labels that must be there." }).exactOptional(),
	matchExpressions: z
		.array(matchExpression)
		.max(8)
		.meta({ description: "More requirements. All must hold.", "x-kubernetes-list-type": "atomic" })
		.exactOptional(),
});

const ipBlock = ruled(
	z.object({
		cidr: network.meta({ description: "Address block, such as 10.0.0.0/8." }),
		except: setOf(network, 16).meta({ description: "Smaller blocks inside it that are left out." }).exactOptional(),
	}),
	{
		// A block that is malformed is told by its own rule.
		cel:
			"!has(self.except) || !isCIDR(self.cidr) || " +
			"self.except.all(e, !isCIDR(e) || (cidr(self.cidr).containsCIDR(e) && e != self.cidr))",
		holds: ({ cidr, except = [] }) => except.every((part) => part !== cidr && containsNetwork(cidr, part)),
		message: "each block of except must lie inside cidr and be smaller",
		field: "except",
	},
);

/** NetworkPolicyPeer of Kubernetes. */
const peer = ruled(
	z.object({
		podSelector: labelSelector
			.meta({ description: "Pods by their labels: in the federation's namespace, or in those of namespaceSelector." })
			.exactOptional(),
		namespaceSelector: labelSelector
			.meta({ description: "Namespaces by their labels: all their pods, or those of podSelector." })
			.exactOptional(),
		ipBlock: ipBlock
			.meta({ description: "Addresses outside the cluster. Not together with a selector." })
			.exactOptional(),
	}),
	{
		cel: "has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",
		holds: ({ ipBlock: block, podSelector, namespaceSelector }) =>
			(block !== undefined) !== (podSelector !== undefined || namespaceSelector !== undefined),
		message: "set podSelector, namespaceSelector or both, or ipBlock alone",
	},
);

/** An empty list would be read as nobody by one and as everybody by another (Kubernetes): it is refused. */
const peers = z.array(peer).min(1).max(16).meta({ "x-kubernetes-list-type": "atomic" });

export const networkPolicy = z.object({
	enabled: z
		.boolean()
		.meta({ description: "Whether NetworkPolicies are made.", defaultsTo: defaults.networkPolicyEnabled })
		.exactOptional(),
	internal: peers
		.meta({
			description:
				"Where the internal server is: who may connect to routers and resolver. Absent: all; routers take streams from the " +
				"federation's own domains only.",
		})
		.exactOptional(),
	monitoring: peers
		.meta({
			description:
				"Who else may read status and metrics of gateway pods over HTTP. The operator always may. Absent: nobody else.",
		})
		.exactOptional(),
});
