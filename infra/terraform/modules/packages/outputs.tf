output "packages" {
  description = "Where each zip is: bucket, key and hash, by name."
  value = { for name, object in aws_s3_object.this : name => {
    bucket = object.bucket
    key    = object.key
    hash   = filebase64sha256(var.packages[name])
  } }
}
