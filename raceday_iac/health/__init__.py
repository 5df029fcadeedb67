"""How a project fares: observations of a server go in, findings come out. Nothing here sends or prints anything, apart
from `observing`, which reads."""
