import { z } from "zod";
import { keyed, labelValue, objectName, qualifiedName } from "./names.ts";
import { celString, ruled } from "./rules.ts";
import { text } from "./text.ts";

/** Where a node's pod may run and what it gets: copied to the pod template as it is. */

const quantityPattern = "^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$";
const quantityExpression = new RegExp(quantityPattern);

const notAQuantity = 'must be a quantity such as 250m, 0.5, 2 or 64Mi (a fraction in quotes: "0.5"), and not negative';
/** A Kubernetes quantity that is not negative. */
const quantity = ruled(
	z.union([z.int(), text(24, 1)], { error: notAQuantity }).meta({ "x-kubernetes-int-or-string": true, maxLength: 24 }),
	{
		cel: `type(self) == int ? self >= 0 : self.matches(${celString(quantityPattern)})`,
		holds: (value) => (typeof value === "number" ? value >= 0 : quantityExpression.test(value)),
		message: notAQuantity,
	},
);

const amounts = z.object({
	cpu: quantity.meta({ description: "Processor cores, such as 250m or 2." }).exactOptional(),
	memory: quantity.meta({ description: "Memory in bytes, such as 64Mi." }).exactOptional(),
	"ephemeral-storage": quantity
		.meta({ description: "Space for temporary files and logs in bytes, such as 64Mi." })
		.exactOptional(),
});

export const resources = z.object({
	requests: amounts.meta({ description: "What is reserved on the machine." }).exactOptional(),
	limits: amounts.meta({ description: "The most that may be used. Not less than what is requested." }).exactOptional(),
});

export const nodeSelector = keyed(labelValue);

const toleration = ruled(
	z.object({
		key: qualifiedName
			.meta({ description: "Key of the taint. Absent with operator Exists: every taint." })
			.exactOptional(),
		operator: z
			.enum(["Exists", "Equal"])
			.meta({ description: "How the taint's value is compared.", defaultsTo: "Equal" })
			.exactOptional(),
		value: labelValue.meta({ description: "Value of the taint. Not settable with operator Exists." }).exactOptional(),
		effect: z
			.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
			.meta({ description: "Effect of the taint. Absent: every effect." })
			.exactOptional(),
		tolerationSeconds: z
			.int()
			.min(0)
			.max(2_147_483_647)
			.meta({
				description: "Seconds that the pod stays after the taint is set. Only with effect NoExecute. Absent: for ever.",
			})
			.exactOptional(),
	}),
	{
		cel: "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
		holds: ({ key, operator }) => key !== undefined || operator === "Exists",
		message: "set key, or operator: Exists to tolerate every taint",
		field: "key",
	},
	{
		cel: "!(has(self.operator) && self.operator == 'Exists' && has(self.value) && self.value != '')",
		holds: ({ operator, value }) => operator !== "Exists" || value === undefined || value === "",
		message: "a value is not compared with operator Exists: leave value out or set operator: Equal",
		field: "value",
	},
	{
		cel: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
		holds: ({ effect, tolerationSeconds }) => tolerationSeconds === undefined || effect === "NoExecute",
		message: "tolerationSeconds needs effect: NoExecute; only that effect removes a running pod",
		field: "tolerationSeconds",
	},
);

export const tolerations = z.array(toleration).max(16).meta({ "x-kubernetes-list-type": "atomic" });

/**
 * Kubernetes checks what is inside when the pod template is applied. Its schema is not copied here: that would be some
 * 600 lines, and would take out of a resource what a newer Kubernetes knows and this copy does not.
 */
const affinityOfKubernetes = z.looseObject({});

export const affinity = z.object({
	nodeAffinity: affinityOfKubernetes
		.meta({
			description: "Which machines are needed or preferred, as in a pod (see kubectl explain pod.spec.affinity).",
		})
		.exactOptional(),
	podAffinity: affinityOfKubernetes
		.meta({ description: "Which pods to be near to, as in a pod (see kubectl explain pod.spec.affinity)." })
		.exactOptional(),
	podAntiAffinity: affinityOfKubernetes
		.meta({ description: "Which pods to be away from, as in a pod (see kubectl explain pod.spec.affinity)." })
		.exactOptional(),
});

export const priorityClassName = objectName;
