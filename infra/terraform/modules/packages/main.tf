# The functions' zips. From a bucket, since the provider uploads a file to one function at a time and holds up all others
# until that one is active.
resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:What is read here is what Terraform wrote: nothing is learned from a log.
  # checkov:skip=CKV_AWS_144:The zips are built anew from the sources in a minute; a second region has no use for them.
  # checkov:skip=CKV_AWS_145:The zips hold open code and no secret: S3's own key does.
  # checkov:skip=CKV_AWS_21:A zip's key is its hash: nothing is ever written over.
  # checkov:skip=CKV2_AWS_61:Terraform removes a zip as soon as no function names it.
  # checkov:skip=CKV2_AWS_62:Nobody waits for a new zip but the Terraform that puts it there.
  bucket        = var.bucket
  force_destroy = true # They can be built again.
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "this" {
  for_each = var.packages

  bucket = aws_s3_bucket.this.id
  key    = "${filesha256(each.value)}/${each.key}" # A new zip is a new key, and so the functions see it.
  source = each.value

  # The functions still name the old one while the new one comes.
  lifecycle {
    create_before_destroy = true
  }
}
