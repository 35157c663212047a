local os = require("os")
local node = actionParams["node"] or ""
local names = {}
local known = false
for _, candidate in ipairs(obj.spec.nodes) do
    table.insert(names, candidate.name)
    known = known or candidate.name == node
end
if not known then
    error("there is no node \"" .. node .. "\" in spec.nodes. There are: " .. table.concat(names, ", "), 0)
end

-- What was asked of other nodes stays until it is carried out. An action cannot take a text apart, so what was carried
-- out is left out only when all was.
local asked = obj.metadata.annotations and obj.metadata.annotations["xmppfed.dev/restart"]
for _, condition in ipairs(obj.status and obj.status.conditions or {}) do
    if condition.type == "Progressing" and condition.reason == "Complete" then
        asked = nil
    end
end
if obj.metadata.annotations == nil then
    obj.metadata.annotations = {}
end
local order = node .. "@" .. os.date("!%Y-%m-%dT%H:%M:%SZ")
obj.metadata.annotations["xmppfed.dev/restart"] = asked and asked .. "," .. order or order
return obj
