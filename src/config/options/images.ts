import { boolean, choice, defineOptions, integer, list, seconds, string } from '../option.ts';

function catalogInfo(text: string): string | undefined {
  return text.split(':').length === 3 ? undefined : 'must be <service type>:<service name>:<endpoint type>';
}

/** `[DEFAULT]`: images and the service that keeps them. */
export const imageOptions = defineOptions('DEFAULT', {
  glanceApiServers: list('glance_api_servers', [], {
    help: "URLs of Glance's API servers, tried in turn. Unset: the one in the service catalogue.",
  }),
  glanceCatalogInfo: string('glance_catalog_info', 'image:glance:publicURL', {
    check: catalogInfo,
    help: 'Which entry of the service catalogue is Glance: <service type>:<service name>:<endpoint type>.',
  }),
  glanceNumRetries: integer('glance_num_retries', 3, {
    min: 0,
    help: 'How often a request to Glance is tried again, at the next server, when it did not get through.',
  }),
  glanceApiInsecure: boolean('glance_api_insecure', false, { help: "Whether Glance's certificate is not checked." }),
  glanceCaCertificatesFile: string('glance_ca_certificates_file', null, {
    help: "File of certificates by which Glance's certificate is checked.",
  }),
  glanceCertfile: string('glance_certfile', null, { help: 'File of our own certificate for Glance.' }),
  glanceKeyfile: string('glance_keyfile', null, { help: 'File of the private key to glance_certfile.' }),
  glanceRequestTimeoutMs: seconds('glance_request_timeout', null, {
    min: 1,
    help: 'Seconds of silence after which a request to Glance is given up. Unset: ten minutes, because Glance says nothing while it stores an image.',
  }),
  verifyGlanceSignatures: choice('verify_glance_signatures', 'enabled', ['enabled', 'disabled'], {
    help: 'enabled: images with a signature are refused, because signatures cannot be verified by this version yet. disabled: signatures are not looked at.',
  }),
  imageConversionDir: string('image_conversion_dir', '$state_path/conversion', {
    help: 'Folder for temporary images, on a local disk. Needs room for the largest images that are worked on at once.',
  }),
  imageConversionDisable: boolean('image_conversion_disable', false, {
    help: "Whether images of another format than the volumes' are refused, to spare the machine the conversion.",
  }),
  imageConversionCpuLimitMs: seconds('image_conversion_cpu_limit', 60, {
    min: 1,
    help: 'Seconds of computing time in which qemu-img must have read the header of an image.',
  }),
  imageConversionAddressSpaceLimitGb: integer('image_conversion_address_space_limit', 1, {
    min: 1,
    help: 'GiB of address space with which qemu-img must be able to read the header of an image.',
  }),
  imageCompressOnUpload: boolean('image_compress_on_upload', true, {
    help: 'Whether qcow2 images are compressed when a volume is uploaded as one.',
  }),
  allowCompressionOnImageUpload: boolean('allow_compression_on_image_upload', false, {
    help: 'Whether images of the container format compressed (gzip) are taken.',
  }),
  vmdkAllowedTypes: list('vmdk_allowed_types', ['streamOptimized', 'monolithicSparse'], {
    help: 'The subformats (createType) of VMDK images that are taken. Others may name files of this machine as their extents.',
  }),
  cinderInternalTenantProjectId: string('cinder_internal_tenant_project_id', null, {
    help: 'Project that owns the volumes of the image cache.',
  }),
  cinderInternalTenantUserId: string('cinder_internal_tenant_user_id', null, {
    help: 'User that owns the volumes of the image cache.',
  }),
});
