-- A ServingRuntime of KServe is a template without a controller: it has no status, and can only be switched off.

if type(obj.spec) == "table" and obj.spec.disabled == true then
  return { status = "Suspended", message = "disabled" }
end
return { status = "Healthy", message = "available" }
