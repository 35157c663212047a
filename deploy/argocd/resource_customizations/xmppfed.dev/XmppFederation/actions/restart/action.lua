local os = require("os")
if obj.metadata.annotations == nil then
    obj.metadata.annotations = {}
end
-- What was asked for single nodes is part of it.
obj.metadata.annotations["xmppfed.dev/restart"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
