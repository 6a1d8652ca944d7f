variable "project" {
  description = "Begins the groups' names."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "groups" {
  description = "The groups to make: what each is for, by name."
  type        = map(string)

  validation {
    condition     = alltrue([for says in var.groups : can(regex("^[A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-]{1,255}$", says))])
    error_message = "What a group is for has 1 to 255 characters that EC2 takes: letters, digits, blanks and ._-:/()#,@[]+=&;{}!$*, and so no apostrophe."
  }
}

variable "given" {
  description = "Ids of groups that are made elsewhere, by name."
  type        = map(string)
  default     = {}
}

variable "prefix_lists" {
  description = "Lists of addresses of AWS's services, by name."
  type        = map(string)
  default     = {}
}

variable "edges" {
  description = "Who may speak to whom: from a group, to a group, a prefix list, or internet; on which port, and why."
  type = map(object({
    from     = string
    to       = string
    port     = number
    protocol = optional(string, "tcp")
    why      = string
  }))

  validation {
    condition     = alltrue([for edge in var.edges : edge.from != edge.to])
    error_message = "An edge leads from one group to another."
  }
  validation {
    condition     = alltrue([for edge in var.edges : edge.port >= 1 && edge.port <= 65535])
    error_message = "An edge has one port, 1 to 65,535."
  }
  validation {
    condition     = alltrue([for edge in var.edges : can(regex("^[A-Za-z0-9 ._:/()#,@\\[\\]+=&;{}!$*-]{1,255}$", "${edge.from} ${edge.to}: ${edge.why}"))])
    error_message = "An edge's reason has 1 to 255 characters, with the names of its groups, that EC2 takes: letters, digits, blanks and ._-:/()#,@[]+=&;{}!$*, and so no apostrophe."
  }
  validation {
    condition = alltrue([for edge in var.edges :
      contains(concat(keys(var.groups), keys(var.given)), edge.from) &&
      contains(concat(keys(var.groups), keys(var.given), keys(var.prefix_lists), ["internet"]), edge.to)
    ])
    error_message = "An edge leads from a group that is there to a group or a prefix list that is there, or to internet."
  }
}
