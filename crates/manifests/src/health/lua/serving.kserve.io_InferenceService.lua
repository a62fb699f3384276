-- An InferenceService of KServe, in place of Argo CD's own check. That one stays Progressing where Knative has given
-- up, and after a service that was stopped is started again (Stopped is False). Its `observedGeneration` is that
-- of a Knative Service or Deployment, and tells nothing.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = type(status.conditions) == "table" and status.conditions or {}

local function condition(name)
  for _, entry in pairs(conditions) do
    if type(entry) == "table" and entry.type == name then return entry end
  end
  return {}
end

local function health(as, message, from)
  for _, more in ipairs({ text(from and from.reason), text(from and from.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

-- Reasons that waiting does not mend. Others of Ready=False, such as a missing replica or ingress, pass.
local given_up = {
  RevisionFailed = true, ContainerMissing = true, ProgressDeadlineExceeded = true, NotOwned = true,
  InvalidImageName = true, ErrImagePull = true, ImagePullBackOff = true, CrashLoopBackOff = true,
  CreateContainerConfigError = true, RunContainerError = true,
}

local model = type(status.modelStatus) == "table" and status.modelStatus or {}
local states = type(model.states) == "table" and model.states or {}
local failure = type(model.lastFailureInfo) == "table" and model.lastFailureInfo or nil

if condition("Stopped").status == "True" then return health("Suspended", "stopped") end
if model.transitionStatus == "InvalidSpec" then return health("Degraded", "its spec is invalid", failure) end
if model.transitionStatus == "BlockedByFailedLoad" or states.targetModelState == "FailedToLoad" then
  return health("Degraded", "its model can't be loaded", failure)
end
-- Whatever their severity: a transformer's is only Info, and nothing works without it.
for _, name in ipairs({ "", "Predictor", "PredictorConfiguration", "Transformer", "TransformerConfiguration",
  "Explainer", "ExplainerConfiguration" }) do
  local entry = condition(name .. "Ready")
  if entry.status == "False" and given_up[text(entry.reason)] then return health("Degraded", "failed", entry) end
end
local ready = condition("Ready")
if ready.status ~= "True" then return health("Progressing", "not ready", ready) end
-- Ready and pending at once is scaled to zero.
if model.transitionStatus == "InProgress" and states.targetModelState ~= "Pending" then
  return health("Progressing", "its new model is being loaded")
end
return health("Healthy", "ready")
