if obj.metadata.annotations == nil then
    obj.metadata.annotations = {}
end
obj.metadata.annotations["xmppfed.dev/paused"] = "true"
return obj
